//! Which matched cells moved: those outside a heaviest increasing subsequence of their new positions.

/// A matched pair: positions on both sides and how much it weighs.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Pair {
    pub old: u32,
    pub new: u32,
    pub weight: u64,
}

/// Weight of a pair: one cell outweighs any text, longer text stays in place, and of equal ones a hash decides, so
/// that the answer is the same in both directions.
pub(in crate::model) fn weight(old_len: usize, new_len: usize, mark: u64) -> u64 {
    (1 << 40) + ((old_len.max(new_len).min(512) as u64) << 20) + (mark & 0xf_ffff)
}

/// For each pair, in order of `old`, whether it stays. `pairs` must be sorted by `old`; `new` positions are distinct.
pub(in crate::model) fn staying(pairs: &[Pair]) -> Vec<bool> {
    let size = pairs.iter().map(|p| p.new as usize + 1).max().unwrap_or(0);
    // Prefix maximum over new positions: the best sum that ends at or before it, and which pair ends it.
    let mut tree: Vec<(u64, u32)> = vec![(0, u32::MAX); size + 1];
    let mut before: Vec<u32> = Vec::with_capacity(pairs.len());
    let mut best = (0, u32::MAX);
    for (index, pair) in pairs.iter().enumerate() {
        let mut top = (0, u32::MAX);
        let mut at = pair.new as usize;
        while at > 0 {
            if let Some(node) = tree.get(at).filter(|n| n.0 > top.0) {
                top = *node;
            }
            at &= at - 1;
        }
        before.push(top.1);
        let sum = (top.0 + pair.weight, index as u32);
        if sum.0 > best.0 {
            best = sum;
        }
        let mut at = pair.new as usize + 1;
        while let Some(node) = tree.get_mut(at) {
            if node.0 < sum.0 {
                *node = sum;
            }
            at += at & at.wrapping_neg();
        }
    }
    let mut stays = vec![false; pairs.len()];
    let mut at = best.1;
    while let Some(slot) = stays.get_mut(at as usize) {
        *slot = true;
        at = before.get(at as usize).copied().unwrap_or(u32::MAX);
    }
    stays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(order: &[u32]) -> Vec<u32> {
        let pairs: Vec<Pair> = order
            .iter()
            .enumerate()
            .map(|(old, new)| Pair { old: old as u32, new: *new, weight: weight(10, 10, u64::from(old as u32 ^ 7)) })
            .collect();
        let stays = staying(&pairs);
        pairs.iter().zip(stays).filter(|(_, s)| !s).map(|(p, _)| p.old).collect()
    }

    #[test]
    fn the_fewest_cells_move() {
        assert!(moved(&[0, 1, 2, 3]).is_empty());
        assert_eq!(moved(&[3, 0, 1, 2]), [0]);
        assert_eq!(moved(&[1, 2, 3, 0]), [3]);
        assert_eq!(moved(&[3, 2, 1, 0]).len(), 3);
        assert!(moved(&[]).is_empty());
    }

    #[test]
    fn of_two_that_swap_the_shorter_one_moves() {
        let pairs =
            [Pair { old: 0, new: 1, weight: weight(5, 5, 1) }, Pair { old: 1, new: 0, weight: weight(50, 50, 0) }];
        assert_eq!(staying(&pairs), [false, true]);
    }
}
