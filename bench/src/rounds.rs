//! Taking turns: A B A B …, so that both sides meet the same hour of the machine; and what many rounds come to.

use anyhow::Result;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The server.
    Guildhall,
    /// Its prototype.
    Bare,
}

/// What each side measured, round by round.
pub(crate) struct Rounds<T> {
    pub(crate) guildhall: Vec<T>,
    pub(crate) bare: Vec<T>,
}

impl<T> Rounds<T> {
    /// Takes turns, `rounds` times each.
    pub(crate) async fn take(rounds: usize, mut turn: impl AsyncFnMut(Side) -> Result<T>) -> Result<Self> {
        let (mut guildhall, mut bare) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            eprint!("\r    round {round} of {rounds}");
            guildhall.push(turn(Side::Guildhall).await?);
            bare.push(turn(Side::Bare).await?);
        }
        eprintln!();
        Ok(Self { guildhall, bare })
    }

    /// A figure of the server, over the rounds.
    pub(crate) fn of_guildhall(&self, figure: impl Fn(&T) -> f64) -> Figure {
        Figure::of(self.guildhall.iter().map(figure))
    }

    /// The same of the prototype.
    pub(crate) fn of_bare(&self, figure: impl Fn(&T) -> f64) -> Figure {
        Figure::of(self.bare.iter().map(figure))
    }

    /// The server's figure divided by the prototype's of the same round.
    pub(crate) fn ratio(&self, figure: impl Fn(&T) -> f64) -> Figure {
        Figure::of(self.guildhall.iter().zip(&self.bare).map(|(ours, bare)| figure(ours) / figure(bare)))
    }
}

/// A figure over several rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    /// The middle one; of an even number of rounds the mean of the two in the middle.
    pub(crate) median: f64,
    /// Half the distance from the lowest to the highest, in parts of the median.
    pub(crate) spread: f64,
}

impl Figure {
    /// Over these rounds, at least one.
    pub(crate) fn of(rounds: impl Iterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.collect();
        rounds.sort_by(f64::total_cmp);
        let (low, high) = (rounds[(rounds.len() - 1) / 2], rounds[rounds.len() / 2]);
        let median = f64::midpoint(low, high);
        let spread = (rounds[rounds.len() - 1] - rounds[0]) / 2.0 / median;
        Self { median, spread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_round_moves_the_spread_and_not_the_median() {
        let calm = Figure::of([10.0, 11.0, 9.0].into_iter());
        let wild = Figure::of([10.0, 90.0, 9.0].into_iter());
        assert_eq!((calm.median, wild.median), (10.0, 10.0));
        assert_eq!((calm.spread, wild.spread), (0.1, 4.05));
        assert_eq!(Figure::of([1.0, 3.0].into_iter()).median, 2.0);
    }

    #[test]
    fn a_ratio_is_of_two_that_ran_side_by_side() {
        let rounds = Rounds { guildhall: vec![8.0, 4.0], bare: vec![10.0, 5.0] };
        assert_eq!(rounds.ratio(|rate| *rate).median, 0.8);
        assert_eq!(rounds.ratio(|rate| *rate).spread, 0.0);
    }
}
