//! How many cells of a bar each part of a whole gets.

/// Divides `width` cells among `parts` of `total`, by the largest remainder; what is not nothing gets a cell, as long as
/// there are enough.
pub(crate) fn cells(parts: &[u64], total: u64, width: u16) -> Vec<u16> {
    let total = u128::from(total).max(parts.iter().copied().map(u128::from).sum()).max(1);
    let exact = |part: &u64| u128::from(*part) * u128::from(width);
    let narrow = |cells: u128| u16::try_from(cells).unwrap_or(width);
    let mut cells: Vec<u16> = parts.iter().map(|part| narrow(exact(part) / total)).collect();
    let all = narrow((parts.iter().map(exact).sum::<u128>() + total / 2) / total);
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    by_remainder.sort_by_key(|part| std::cmp::Reverse(exact(&parts[*part]) % total));
    let spare = all.saturating_sub(cells.iter().sum());
    for part in by_remainder.into_iter().take(usize::from(spare)) {
        cells[part] += 1;
    }
    for part in 0..parts.len() {
        let largest = (0..parts.len()).max_by_key(|other| cells[*other]);
        if let Some(largest) = largest.filter(|largest| cells[*largest] > 1)
            && parts[part] > 0
            && cells[part] == 0
        {
            cells[part] = 1;
            cells[largest] -= 1;
        }
    }
    cells
}

/// How many of `width` cells are filled at `done` of `total`.
pub(crate) fn filled(done: u64, total: u64, width: u16) -> u16 {
    let cells = u128::from(done.min(total)) * u128::from(width) / u128::from(total.max(1));
    u16::try_from(cells).unwrap_or(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_the_bar() {
        assert_eq!(cells(&[50, 25, 25], 100, 8), [4, 2, 2]);
        assert_eq!(cells(&[1, 1, 1], 3, 10), [4, 3, 3], "the whole is full");
        assert_eq!(cells(&[1, 0, 999], 1000, 10), [1, 0, 9], "what is there is seen");
        assert_eq!(cells(&[10], 100, 10), [1], "what nobody knows of is left out");
    }

    #[test]
    fn odd_figures_stay_within_the_bar() {
        assert_eq!(cells(&[], 0, 10), [0_u16; 0]);
        assert_eq!(cells(&[0, 0], 0, 10), [0, 0]);
        assert_eq!(cells(&[u64::MAX, u64::MAX], 1, 10).iter().sum::<u16>(), 10);
        assert_eq!(cells(&[1, 2, 3], 6, 0), [0, 0, 0]);
        assert_eq!(cells(&[1, 1, 1, 1], 4, 2).iter().sum::<u16>(), 2);
        assert_eq!((filled(5, 10, 10), filled(20, 10, 10), filled(0, 0, 10)), (5, 10, 0));
    }
}
