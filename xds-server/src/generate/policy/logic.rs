//! And, or, not: permissions and principals are put together alike.

use xdslab_proto::rbac::{Permission, Principal, permission, principal};

/// A term of a policy.
pub(super) trait Term: Sized {
    /// Always.
    fn any() -> Self;
    /// All of them.
    fn all_of(terms: Vec<Self>) -> Self;
    /// One of them.
    fn one_of(terms: Vec<Self>) -> Self;
    /// Not this.
    fn not(self) -> Self;
}

impl Term for Permission {
    fn any() -> Self {
        permission(permission::Rule::Any(true))
    }

    fn all_of(rules: Vec<Self>) -> Self {
        permission(permission::Rule::AndRules(permission::Set { rules }))
    }

    fn one_of(rules: Vec<Self>) -> Self {
        permission(permission::Rule::OrRules(permission::Set { rules }))
    }

    fn not(self) -> Self {
        permission(permission::Rule::NotRule(Box::new(self)))
    }
}

impl Term for Principal {
    fn any() -> Self {
        principal(principal::Identifier::Any(true))
    }

    fn all_of(ids: Vec<Self>) -> Self {
        principal(principal::Identifier::AndIds(principal::Set { ids }))
    }

    fn one_of(ids: Vec<Self>) -> Self {
        principal(principal::Identifier::OrIds(principal::Set { ids }))
    }

    fn not(self) -> Self {
        principal(principal::Identifier::NotId(Box::new(self)))
    }
}

/// A permission.
pub(super) fn permission(rule: permission::Rule) -> Permission {
    Permission { rule: Some(rule) }
}

/// A principal.
pub(super) fn principal(identifier: principal::Identifier) -> Principal {
    Principal { identifier: Some(identifier) }
}
