//! One walk over two lists that are sorted by name.

use std::iter::Peekable;

/// What the walk found under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined<A, B> {
    Left(A),
    Right(B),
    Both(A, B),
}

pub(crate) struct Join<A: Iterator, B: Iterator, KA, KB> {
    left: Peekable<A>,
    right: Peekable<B>,
    left_name: KA,
    right_name: KB,
}

/// Walks both lists at once, in order of name. Costs one comparison a name; both must be sorted and free of duplicates.
pub(crate) fn join<A, B, KA, KB>(
    left: A,
    right: B,
    left_name: KA,
    right_name: KB,
) -> Join<A::IntoIter, B::IntoIter, KA, KB>
where
    A: IntoIterator,
    B: IntoIterator,
    KA: Fn(&A::Item) -> &str,
    KB: Fn(&B::Item) -> &str,
{
    Join { left: left.into_iter().peekable(), right: right.into_iter().peekable(), left_name, right_name }
}

impl<A, B, KA, KB> Iterator for Join<A, B, KA, KB>
where
    A: Iterator,
    B: Iterator,
    KA: Fn(&A::Item) -> &str,
    KB: Fn(&B::Item) -> &str,
{
    type Item = Joined<A::Item, B::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (self.left.peek(), self.right.peek()) {
            (Some(left), Some(right)) => {
                let (left, right) = ((self.left_name)(left), (self.right_name)(right));
                // Names of one origin are one string in memory.
                if std::ptr::eq(left, right) { Equal } else { left.cmp(right) }
            }
            (Some(_), None) => Less,
            (None, Some(_)) => Greater,
            (None, None) => return None,
        };
        match order {
            Less => self.left.next().map(Joined::Left),
            Greater => self.right.next().map(Joined::Right),
            Equal => Some(Joined::Both(self.left.next()?, self.right.next()?)),
        }
    }
}
