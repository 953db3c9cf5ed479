//! Marks and words shared by the parts of the page.
use crate::{
    base::text,
    model::run::{RunState, TaskRun, TaskState, grid::Cell},
    ui::theme::Mark,
};

/// The mark of a run.
pub fn run_mark(state: RunState) -> Mark {
    match state {
        RunState::Queued => Mark::Queued,
        RunState::Running => Mark::Running,
        RunState::Success => Mark::Success,
        RunState::Failed => Mark::Failed,
        RunState::Cancelled => Mark::Cancelled,
        RunState::Interrupted => Mark::Warning,
    }
}

/// The mark of a task.
pub fn task_mark(state: TaskState) -> Mark {
    match state {
        TaskState::Queued => Mark::Queued,
        TaskState::Running => Mark::Running,
        TaskState::Success => Mark::Success,
        TaskState::Failed => Mark::Failed,
        TaskState::Retrying | TaskState::Interrupted => Mark::Warning,
        TaskState::Cancelled => Mark::Cancelled,
        TaskState::Skipped | TaskState::UpstreamFailed => Mark::Skipped,
    }
}

/// The mark of a cell of the grid, where a success after a retry shows its trouble.
pub fn cell_mark(cell: Cell) -> Mark {
    if cell.flaky && cell.state == TaskState::Success { Mark::Warning } else { task_mark(cell.state) }
}

/// `success, try 2 of 3`.
pub fn task_words(task: &TaskRun) -> String {
    let mut words = task.state.word().to_lowercase();
    if task.is_flaky() {
        words.push_str(" after a retry");
    }
    if let Some(last) = task.last()
        && task.attempts.len() > 1
    {
        words.push_str(&format!(", try {}", last.number));
    }
    words
}

/// A number as people read it: `18,732`, `93.15`, `0.0042`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "no number".to_owned();
    }
    let size = value.abs();
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    if size >= 1e15 || size > 0.0 && size < 1e-4 {
        return format!("{value:.2e}");
    }
    let digits = match size {
        s if s >= 1000.0 || s.fract() == 0.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 1.0 => 2,
        _ => 4,
    };
    let fixed = format!("{size:.digits$}");
    let (whole, part) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let part = part.trim_end_matches('0');
    let whole = text::thousands(whole.parse().unwrap_or(0));
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// A metric's value with its unit: seconds as a duration, shares as per cent.
pub fn measured(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some("s") if value >= 0.0 => crate::base::time::duration_ms((value * 1000.0) as u64),
        Some("%") => format!("{} %", number(value)),
        Some("share") => format!("{} %", number(value * 100.0)),
        _ => number(value),
    }
}

/// A difference with its sign.
pub fn difference(value: f64, unit: Option<&str>) -> String {
    let sign = if value < 0.0 { "\u{2212}" } else { "+" };
    if value == 0.0 { "0".to_owned() } else { format!("{sign}{}", measured(value.abs(), unit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_differences_read_well() {
        let all = [18_732.0, 93.15, 0.0042, -1_046.0, 0.0, 1.5e20].map(number);
        assert_eq!(all, ["18,732", "93.15", "0.0042", "\u{2212}1,046", "0", "1.50e20"]);
        assert_eq!(measured(1_826.0, Some("s")), "30 min 26 s");
        assert_eq!(difference(-172.0, Some("rows")), "\u{2212}172");
        assert_eq!(difference(660.0, Some("s")), "+11 min 00 s");
    }
}
