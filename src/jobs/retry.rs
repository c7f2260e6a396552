//! When to try again. Pure: a schedule and a count in, a delay out.

use std::time::Duration;

/// The old client's rule for callbacks: each failure adds one step, up to a cap.
pub fn linear(failures: u32, step: Duration, cap: Duration) -> Duration {
    step.saturating_mul(failures.max(1)).min(cap)
}

/// All the delays that [`linear`] gave for so many failures.
pub fn linear_sum(failures: u32, step: Duration, cap: Duration) -> Duration {
    let growing = match cap.as_millis().checked_div(step.as_millis()) {
        Some(steps) => u32::try_from(steps).unwrap_or(u32::MAX).min(failures),
        None => return Duration::ZERO,
    };
    let triangle = u64::from(growing) * (u64::from(growing) + 1) / 2;
    let grown = step
        .as_millis()
        .saturating_mul(u128::from(triangle))
        .try_into()
        .map_or(Duration::MAX, Duration::from_millis);
    grown.saturating_add(cap.saturating_mul(failures - growing))
}

/// A list of delays whose last one repeats.
pub fn listed(failures: u32, delays: &[Duration]) -> Duration {
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    delays
        .get(index)
        .or(delays.last())
        .copied()
        .unwrap_or(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_back_off_as_the_old_client_did() {
        let delay = |failures| {
            linear(
                failures,
                Duration::from_millis(3000),
                Duration::from_millis(900_000),
            )
            .as_secs()
        };
        assert_eq!(
            [1, 2, 3, 299, 300, 301, u32::MAX].map(delay),
            [3, 6, 9, 897, 900, 900, 900]
        );
    }

    #[test]
    fn the_sum_of_the_delays_is_the_sum_of_the_delays() {
        for (step, cap) in [(3000, 900_000), (20, 60), (7, 7), (1000, 1500), (0, 5)] {
            let (step, cap) = (Duration::from_millis(step), Duration::from_millis(cap));
            let mut sum = Duration::ZERO;
            for failures in 0..500 {
                assert_eq!(
                    linear_sum(failures, step, cap),
                    sum,
                    "{step:?} {cap:?} {failures}"
                );
                sum += linear(failures + 1, step, cap);
            }
            assert!(linear_sum(u32::MAX, step, cap) >= sum);
        }
    }

    #[test]
    fn the_last_delay_of_a_list_repeats() {
        let delays = [5, 30, 120].map(Duration::from_secs);
        assert_eq!(
            [1, 2, 3, 4, u32::MAX].map(|failures| listed(failures, &delays).as_secs()),
            [5, 30, 120, 120, 120]
        );
    }
}
