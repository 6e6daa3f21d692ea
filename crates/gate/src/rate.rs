//! Rates: how often a principal or an address may do something. Counted always, also while nothing is refused.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

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

    /// What is left at this time, held until the guard is dropped.
    fn left(&self, now: Instant) -> MutexGuard<'_, (f64, Instant)> {
        let mut left = self.left.lock().expect("counting does not panic");
        let gained = now.saturating_duration_since(left.1).as_secs_f64() * self.rate.per_second;
        *left = ((left.0 + gained).min(self.rate.burst), now.max(left.1));
        left
    }

    /// Takes one, if one is left at this time.
    pub fn take(&self, now: Instant) -> bool {
        let mut left = self.left(now);
        let has_one = left.0 >= 1.0;
        left.0 -= f64::from(u8::from(has_one));
        has_one
    }

    /// Whether one is left.
    pub fn has_one(&self) -> bool {
        self.left(Instant::now()).0 >= 1.0
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
    /// Takes one call at this time, from the principal and from the address or from neither: what one of them refuses
    /// must not use up the other, or those who are refused would lock out everybody they share it with.
    pub fn take(&self, now: Instant) -> bool {
        // Always held in this order, and no bucket is of both kinds, so nobody waits in a circle.
        let (mut principal, mut address) = (self.principal.left(now), self.address.left(now));
        if principal.0 < 1.0 || address.0 < 1.0 {
            return false;
        }
        principal.0 -= 1.0;
        address.0 -= 1.0;
        true
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
    async fn who_floods_shares_the_addresss_rate_and_locks_nobody_out() {
        let rates = Rates::new(Rate { per_second: 10.0, burst: 10.0 }, Rate { per_second: 1.0, burst: 1.0 });
        let address = IpAddr::from([127, 0, 0, 1]);
        let flooding = [Principal::owner(), Principal::local()].map(|who| rates.allowance(&who, address));
        let seldom = rates.allowance(&Principal::compat(), address);
        // What the two may do comes back to them half a call before the address's does.
        for (who, elsewhere) in [(Principal::owner(), 2), (Principal::local(), 3)] {
            let elsewhere = rates.allowance(&who, IpAddr::from([127, 0, 0, elsewhere]));
            while elsewhere.take(Instant::now()) {}
        }
        let (mut taken, mut served) = (0, 0);
        for step in 0..1_000 {
            // Half of what the address may do in a step, so that what is asked for comes between its calls too.
            tokio::time::advance(Duration::from_millis(50)).await;
            served += u32::from(step % 20 == 0 && seldom.take(Instant::now()));
            for flooding in flooding.iter().cycle().take(100) {
                taken += u32::from(flooding.take(Instant::now()));
            }
        }
        assert!(
            (490..=510).contains(&(taken + served)),
            "all of the address's rate is used: {taken} + {served}"
        );
        assert!(served >= 20, "{served} of 50 calls, one each second, were served");
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
