//! Rates: how often a principal or an address may do something. Counted always, also while nothing is refused.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use model::Principal;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::limits;

/// A rate and how much of it may be used at once.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How often, per second.
    pub per_second: f64,
    /// How often at once, after a time of doing nothing.
    pub burst: f64,
}

/// What is left of a rate for one caller.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    left: Mutex<(f64, Instant)>,
}

/// The rates of all callers.
pub struct Rates {
    calls: Rate,
    failures: Rate,
    principals: Cache<Principal, Arc<Bucket>>,
    addresses: Cache<IpAddr, Arc<Bucket>>,
    failing: Cache<IpAddr, Arc<Bucket>>,
}

/// The two buckets of one caller's calls.
#[derive(Clone)]
pub struct Allowance {
    principal: Arc<Bucket>,
    address: Arc<Bucket>,
}

// === impl Bucket ===

impl Bucket {
    fn full(rate: Rate) -> Self {
        Self { rate, left: Mutex::new((rate.burst, Instant::now())) }
    }

    /// Takes one, if one is left at this time.
    pub fn take(&self, now: Instant) -> bool {
        let mut left = self.left.lock().expect("counting does not panic");
        let gained = now.saturating_duration_since(left.1).as_secs_f64() * self.rate.per_second;
        *left = ((left.0 + gained).min(self.rate.burst), now.max(left.1));
        if left.0 < 1.0 {
            return false;
        }
        left.0 -= 1.0;
        true
    }

    /// Whether one is left.
    pub fn has_one(&self) -> bool {
        let left = self.left.lock().expect("counting does not panic");
        left.0 + left.1.elapsed().as_secs_f64() * self.rate.per_second >= 1.0
    }
}

// === impl Rates ===

impl Default for Rates {
    /// So much that only something gone wrong meets it.
    fn default() -> Self {
        let calls = Rate { per_second: 250_000.0, burst: 500_000.0 };
        Self::new(calls, Rate { per_second: 1.0, burst: 60.0 })
    }
}

impl Rates {
    /// `calls` holds for each principal and each address, `failures` for each address that shows bad tokens.
    pub fn new(calls: Rate, failures: Rate) -> Self {
        let (principals, addresses, failing) =
            (Cache::new(limits::RATES), Cache::new(limits::RATES), Cache::new(limits::RATES));
        Self { calls, failures, principals, addresses, failing }
    }

    /// What a caller may do.
    pub fn allowance(&self, principal: &Principal, address: IpAddr) -> Allowance {
        let fresh = || Arc::new(Bucket::full(self.calls));
        let principal = self.principals.get_or_insert_with(principal, || Ok::<_, ()>(fresh()));
        let address = self.addresses.get_or_insert_with(&address, || Ok::<_, ()>(fresh()));
        Allowance {
            principal: principal.unwrap_or_else(|()| fresh()),
            address: address.unwrap_or_else(|()| fresh()),
        }
    }

    /// Whether an address may still try tokens.
    pub fn may_try(&self, address: IpAddr) -> bool {
        self.failing.get(&address).is_none_or(|bucket| bucket.has_one())
    }

    /// Counts a bad token.
    pub fn failed(&self, address: IpAddr) {
        let fresh = || Arc::new(Bucket::full(self.failures));
        let bucket = self.failing.get_or_insert_with(&address, || Ok::<_, ()>(fresh()));
        bucket.unwrap_or_else(|()| fresh()).take(Instant::now());
    }
}

// === impl Allowance ===

impl Allowance {
    /// Takes one call at this time: the principal's first, then the address's. Both are counted.
    pub fn take(&self, now: Instant) -> bool {
        let (principal, address) = (self.principal.take(now), self.address.take(now));
        principal && address
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_uses_up_a_rate_waits_and_others_do_not() {
        let rate = Rate { per_second: 2.0, burst: 3.0 };
        let rates = Rates::new(rate, rate);
        let address = IpAddr::from([127, 0, 0, 1]);
        let ada = rates.allowance(&Principal::owner(), address);
        assert_eq!([(); 4].map(|()| ada.take(Instant::now())), [true, true, true, false]);
        let again = rates.allowance(&Principal::owner(), address);
        assert!(!again.take(Instant::now()), "a new connection does not begin anew");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(again.take(Instant::now()));
        let elsewhere = rates.allowance(&Principal::local(), IpAddr::from([127, 0, 0, 2]));
        assert!(elsewhere.take(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn bad_tokens_use_up_an_addresss_patience() {
        let rate = Rate { per_second: 1.0, burst: 2.0 };
        let rates = Rates::new(rate, rate);
        let address = IpAddr::from([127, 0, 0, 1]);
        rates.failed(address);
        assert!(rates.may_try(address));
        rates.failed(address);
        assert!(!rates.may_try(address));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(rates.may_try(address));
    }
}
