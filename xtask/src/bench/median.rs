//! The median of measured values, and their tail.

/// The middle of `values`, or the mean of the middle two; none of nothing.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(values[middle - 1], upper)) }
}

/// The value that `percent` of `values` do not exceed; none of nothing.
pub(super) fn percentile(mut values: Vec<f64>, percent: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 200.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 200.0]), Some(3.0));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(values.clone(), 99), Some(198.0));
        assert_eq!(percentile(values, 100), Some(200.0));
        assert_eq!(percentile(vec![7.0], 50), Some(7.0));
        assert_eq!(percentile(vec![], 50), None);
    }
}
