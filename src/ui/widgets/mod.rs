//! The parts every page is made of. All take the theme; none keeps state of its own.
mod button;
pub mod chart;
mod choice;
mod environment;
mod feedback;
pub mod grid;
pub mod highlight;
pub mod inks;
mod layout;
pub mod output;
mod pick;
mod plot_bits;
mod row;
mod sideways;

pub use button::{Btn, icon_button, link, segmented, switch};
pub use choice::{check_box, combo};
pub use environment::environment_tag;
pub use feedback::{empty_state, error_box, focus_ring, mark, mark_word, progress_bar, tag, tag_mark};
pub use layout::{box_frame, hair_x, hair_y, left_panel, page_head, right_panel, section_head, side_rect, toolbar};
pub use pick::{PickField, Picked};
pub use plot_bits::{bars, spark};
pub use row::{Row, kbd, nav_row, secret_field, text_field};
pub use sideways::sideways_bar;
