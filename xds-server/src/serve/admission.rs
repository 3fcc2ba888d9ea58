//! How many new streams are taken a second (istiod: `WaitForRequestLimit` in `pilot/pkg/xds/discovery.go`).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tonic::Status;

/// How long a new stream may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lets in one stream after the other, as a bucket of one token does. O(1) a stream.
#[derive(Debug)]
pub struct Admission {
    /// Between two streams; zero for no limit.
    interval: Duration,
    /// When the next one may come in.
    free: Mutex<Option<Instant>>,
}

impl Admission {
    /// One stream in each `interval`; any number where it is zero.
    pub fn every(interval: Duration) -> Self {
        Self { interval, free: Mutex::default() }
    }

    /// Waits for this stream's turn.
    ///
    /// # Errors
    /// `ResourceExhausted`, at once, where that would take longer than a second: the stream then takes nobody's turn.
    pub async fn admit(&self) -> Result<(), Status> {
        if self.interval.is_zero() {
            return Ok(());
        }
        sleep_until(self.turn()?).await;
        Ok(())
    }

    fn turn(&self) -> Result<Instant, Status> {
        let now = Instant::now();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = free.map_or(now, |free| free.max(now));
        if turn - now > PATIENCE {
            let reason = "request rate limit exceeded: rate: Wait(n=1) would exceed context deadline";
            return Err(Status::resource_exhausted(reason));
        }
        *free = Some(turn + self.interval);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn streams_come_in_one_after_the_other() {
        let (admission, start) = (Admission::every(Duration::from_millis(400)), Instant::now());
        let turns: Vec<_> = (0..4).map(|_| admission.turn().map(|turn| turn - start)).collect();
        let millis = |ms| Some(Duration::from_millis(ms));
        let at: Vec<_> = turns.iter().map(|turn| turn.as_ref().ok().copied()).collect();
        assert_eq!(at, [millis(0), millis(400), millis(800), None]);
        assert_eq!(turns[3].as_ref().map_err(Status::code), Err(Code::ResourceExhausted));
        sleep_until(start + Duration::from_secs(5)).await;
        admission.admit().await.expect("the bucket is full again");
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_interval_there_is_no_limit() {
        let (admission, start) = (Admission::every(Duration::ZERO), Instant::now());
        for _ in 0..1_000 {
            admission.admit().await.expect("no limit");
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
