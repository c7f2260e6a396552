//! How sure a rate is: the interval of Wilson's score, which is honest for few samples and for rates near 0 and 1.

use serde::Serialize;

/// The quantile of the normal distribution for 95 % on two sides.
const Z: f64 = 1.959_963_984_540_054;

/// A rate and where it lies with 95 % certainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// As counted; 0 when nothing was.
    pub rate: f64,
    /// At least this.
    pub low: f64,
    /// At most this.
    pub high: f64,
}

/// The interval of `hits` out of `of`. Out of nothing it is everything.
pub fn wilson(hits: u64, of: u64) -> Interval {
    if of == 0 {
        return Interval {
            rate: 0.0,
            low: 0.0,
            high: 1.0,
        };
    }
    // Counts beyond 2^53 do not occur.
    #[allow(clippy::cast_precision_loss)]
    around(hits.min(of) as f64 / of as f64, of as f64)
}

/// The interval of a rate seen over `of` samples.
pub(super) fn around(rate: f64, of: f64) -> Interval {
    let square = Z * Z;
    let scale = 1.0 + square / of;
    let middle = (rate + square / (2.0 * of)) / scale;
    let reach = Z / scale * (rate * (1.0 - rate) / of + square / (4.0 * of * of)).sqrt();
    Interval {
        rate,
        low: match rate <= 0.0 {
            true => 0.0,
            false => (middle - reach).clamp(0.0, 1.0),
        },
        high: match rate >= 1.0 {
            true => 1.0,
            false => (middle + reach).clamp(0.0, 1.0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_books() {
        for (hits, of, low, high) in [
            (0, 0, 0.0, 1.0),
            (0, 10, 0.0, 0.277_53),
            (1, 10, 0.017_88, 0.404_15),
            (5, 10, 0.236_59, 0.763_41),
            (10, 10, 0.722_47, 1.0),
            (990, 1000, 0.981_69, 0.994_56),
        ] {
            let found = wilson(hits, of);
            assert!((found.low - low).abs() < 1e-5, "{hits}/{of}: {found:?}");
            assert!((found.high - high).abs() < 1e-5, "{hits}/{of}: {found:?}");
        }
        assert!((wilson(11, 10).rate - 1.0).abs() < 1e-9);
    }
}
