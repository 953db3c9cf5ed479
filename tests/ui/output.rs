//! Outputs of cells, as real tools made them, drawn and handled.
use andon::{
    model::kernel::{ExecEvent, Exit, Outcome},
    model::notebook::Notebook,
    model::output::{Collector, Output, Widgets, view_with},
    ui::{
        theme::{Theme, install_fonts},
        widgets::output::{Act, OutputsView, Pictures, outputs_ui},
    },
};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};

pub struct Stage {
    pub outputs: Vec<Output>,
    pub view: OutputsView,
    pub pictures: Pictures,
    pub acts: Vec<Act>,
    theme: Theme,
    ready: bool,
}

fn stage_in(outputs: Vec<Output>, theme: Theme) -> Harness<'static, Stage> {
    let stage = Stage {
        outputs,
        view: OutputsView::default(),
        pictures: Pictures::default(),
        acts: Vec::new(),
        theme,
        ready: false,
    };
    // Emoji come from the system's fonts, which a test machine may not have.
    let builder = Harness::builder().with_size(egui::vec2(760.0, 560.0)).allow_missing_glyphs();
    let mut harness = builder.build_ui_state(draw, stage);
    harness.run_steps(3);
    harness
}

pub fn stage(outputs: Vec<Output>) -> Harness<'static, Stage> {
    stage_in(outputs, Theme::dark())
}

fn draw(ui: &mut egui::Ui, stage: &mut Stage) {
    if !stage.ready {
        install_fonts(ui.ctx());
        stage.theme.apply(ui.ctx());
        stage.ready = true;
        ui.ctx().request_repaint();
        return;
    }
    let Stage { outputs, view, pictures, acts, theme, .. } = stage;
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        acts.extend(outputs_ui(ui, theme, outputs, view, pictures));
    });
}

pub fn oracle(name: &str) -> Vec<Output> {
    let path = format!("{}/tests/fixtures/outputs/{name}.ipynb", env!("CARGO_MANIFEST_DIR"));
    let book = Notebook::parse(std::fs::read(path).unwrap().as_slice()).unwrap();
    let raw: Vec<_> = book.cells().iter().flat_map(|c| c.outputs()).collect();
    view_with(raw.iter().map(|o| o.text()), &Widgets::of(&book))
}

fn printed(lines: usize) -> Vec<Output> {
    let mut c = Collector::new();
    let text: String = (0..lines).map(|n| format!("line {n} of the log\n")).collect();
    c.apply(&ExecEvent::Stream { stderr: false, text });
    c.views().to_vec()
}

/// Runs until the threads have made what is seen.
pub fn settle(harness: &mut Harness<'static, Stage>) {
    for _ in 0..400 {
        harness.run_steps(1);
        if !harness.state().pictures.busy() && !harness.state().pictures.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    harness.run_steps(2);
}

#[test]
fn vector_pictures_films_and_formulas_become_textures() {
    for (name, frames) in [("img_svg", 1), ("img_gif", 1), ("latex_align", 1), ("mpl_svg_text", 1), ("img_webp", 1)] {
        let mut harness = stage(oracle(name));
        settle(&mut harness);
        let pictures = &harness.state().pictures;
        assert!(pictures.len() >= frames && !pictures.busy(), "{name}: {pictures:?}");
        assert!(pictures.bytes() > 0, "{name} has no texture");
    }
}

#[test]
fn words_and_links_of_markdown_are_there_for_everybody() {
    let source = "# Title\n\nSee [more](https://example.org), [below](#part) and $x^2$.\n\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<details><summary>More</summary>\n\nhidden\n\n</details>";
    let mut harness = stage(vec![Output::Markdown(source.into())]);
    settle(&mut harness);
    harness.get_by_label("https://example.org").click();
    harness.run_steps(2);
    harness.get_by_label("#part").click();
    harness.run_steps(2);
    let acts = &harness.state().acts;
    assert!(
        acts.contains(&Act::Open("https://example.org".into())) && acts.contains(&Act::Follow("#part".into())),
        "{acts:?}"
    );
    assert!(harness.query_by_label_contains("hidden").is_none());
    harness.get_by_role_and_label(egui::accesskit::Role::DisclosureTriangle, "More").click();
    harness.run_steps(2);
    assert!(harness.query_by_label_contains("hidden").is_some());
}

#[test]
fn every_oracle_is_drawn_in_both_themes() {
    let dir = format!("{}/tests/fixtures/outputs", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().to_string_lossy().strip_suffix(".ipynb").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 20);
    for name in names {
        for theme in [Theme::dark(), Theme::light()] {
            let mut harness = stage_in(oracle(&name), theme);
            harness.run_steps(2);
        }
    }
}

#[test]
fn sections_and_pages_of_widgets_open_and_close() {
    let mut harness = stage(oracle("html_details"));
    harness.get_by_label_contains("shown body");
    assert!(harness.query_by_label_contains("hidden body").is_none());
    harness.get_by_role_and_label(egui::accesskit::Role::DisclosureTriangle, "More").click();
    harness.run_steps(3);
    harness.get_by_label_contains("hidden body");

    let mut harness = stage(oracle("widget_tab_accordion"));
    harness.get_by_label("t2");
    assert!(harness.query_by_label("t1").is_none());
    harness.get_by_label("A").click();
    harness.run_steps(3);
    harness.get_by_label("t1");
    harness.get_by_label("acc");
    harness.get_by_role_and_label(egui::accesskit::Role::DisclosureTriangle, "Sec").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("acc").is_none());
}

#[test]
fn a_sound_is_offered_to_be_saved() {
    let mut harness = stage(oracle("audio"));
    harness.get_by_label("Save\u{2026}").click();
    harness.run_steps(2);
    assert!(matches!(&harness.state().acts[0], Act::File { name, open: false, .. } if name == "output.wav"));
}

#[test]
fn a_traceback_is_folded_to_its_last_line_and_opens() {
    let mut harness = stage(oracle("err_simple"));
    assert!(harness.query_by_label_contains("Traceback (most recent call last)").is_none());
    let bar = "ZeroDivisionError: division by zero";
    harness.get_by_role_and_label(egui::accesskit::Role::DisclosureTriangle, bar).click();
    harness.run_steps(3);
    harness.get_by_label_contains("Traceback (most recent call last)");
    harness.get_by_role_and_label(egui::accesskit::Role::DisclosureTriangle, bar).click();
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("Traceback (most recent call last)").is_none());
}

#[test]
fn a_traceback_is_copied_and_leads_to_its_line() {
    let mut harness = stage(oracle("err_simple"));
    harness.get_by_label("Copy").click();
    harness.run_steps(2);
    let Act::Copy(text) = &harness.state().acts[0] else { panic!() };
    assert!(text.contains("Traceback") && !text.contains('\u{1b}'), "{text}");
    harness.get_by_label_contains("Go to line").click();
    harness.run_steps(2);
    assert!(matches!(harness.state().acts[1], Act::GoToLine(_)));
}

#[test]
fn ten_thousand_lines_are_folded_and_drawn_only_where_visible() {
    let mut harness = stage(printed(10_000));
    harness.get_by_label("line 0 of the log");
    harness.get_by_label("line 9999 of the log");
    assert!(harness.query_by_label("line 5000 of the log").is_none());
    harness.get_by_label("Show all 10,000").click();
    harness.run_steps(3);
    harness.get_by_label("line 20 of the log");
    assert!(harness.query_by_label("line 100 of the log").is_none(), "rows outside of its box are not laid out");
    harness.get_by_label("Show less");
    harness.event(egui::Event::PointerMoved(egui::pos2(300.0, 300.0)));
    for _ in 0..10 {
        harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -9_000.0),
            modifiers: egui::Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
        });
        harness.run_steps(4);
    }
    assert!(harness.query_by_label("line 20 of the log").is_none());
    let start = std::time::Instant::now();
    harness.run_steps(20);
    let frame = start.elapsed() / 20;
    assert!(frame < std::time::Duration::from_millis(100), "{frame:?} a frame, unoptimised");
}

#[test]
fn a_data_frame_is_a_grid_that_can_be_copied() {
    let mut harness = stage(oracle("pd_small"));
    harness.get_by_role_and_label(egui::accesskit::Role::Grid, "Table output 1");
    harness.get_by_label("Copy").click();
    harness.run_steps(2);
    assert_eq!(harness.state().acts, [Act::Copy("\ta\tb\tc\nr1\t1\t1.50\tx\nr2\t2\tNaN\ty\nr3\t3\t-2.25\tz".into())]);
}

#[test]
fn a_picture_is_decoded_in_the_background_and_keeps_its_place() {
    let mut harness = stage(oracle("mpl_png"));
    let place = harness.get_by_label_contains("Picture, ").rect();
    let start = std::time::Instant::now();
    while harness.state().pictures.busy() {
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "the picture never came");
        std::thread::sleep(std::time::Duration::from_millis(10));
        harness.run_steps(1);
    }
    harness.run_steps(2);
    assert_eq!(harness.get_by_label_contains("Picture, ").rect(), place, "nothing moves when it has come");
    assert_eq!(harness.state().pictures.len(), 1);
}

#[test]
fn a_json_tree_folds() {
    let mut harness = stage(oracle("json_tree"));
    let rows = harness.query_all_by_role(egui::accesskit::Role::TreeItem).count();
    assert!(rows > 4);
    harness.get_by_label_contains("root: ").click();
    harness.run_steps(3);
    assert_eq!(harness.query_all_by_role(egui::accesskit::Role::TreeItem).count(), 1);
}

#[test]
fn markdown_text_and_notes_are_there_to_read() {
    let harness = stage(oracle("md_basic"));
    harness.get_by_label_contains("H1");
    let harness = stage(oracle("javascript"));
    harness.get_by_label_contains("not run");
    let harness = stage(oracle("stream_mix"));
    harness.get_by_label("err1");
    let harness = stage(oracle("tqdm_nested"));
    harness.get_by_label_contains("outer");
}

#[test]
fn a_kernel_that_died_tells_its_exit_code_and_last_words_in_the_cell() {
    let mut c = Collector::new();
    let outcome =
        Outcome::Died { exit: Exit { code: None, signal: Some(9) }, stderr: "numpy: cannot allocate 8 GB".into() };
    c.apply(&ExecEvent::Done { at: jiff::Timestamp::UNIX_EPOCH, outcome });
    let mut harness = stage(c.views().to_vec());
    let bar = harness.get_by_role_and_label(
        egui::accesskit::Role::DisclosureTriangle,
        "KernelDied: The kernel ended with signal 9 (killed, often for lack of memory)",
    );
    bar.click();
    harness.run_steps(3);
    harness.get_by_label("numpy: cannot allocate 8 GB");
}

#[test]
fn a_link_in_a_stream_opens_on_a_click() {
    let mut harness = stage(oracle("ansi_osc8"));
    harness.get_by_role_and_label(egui::accesskit::Role::Link, "https://example.org").click();
    harness.run_steps(2);
    assert_eq!(harness.state().acts, [Act::Open("https://example.org".into())]);
}

pub fn plotly(figure: serde_json::Value) -> Vec<Output> {
    let data = serde_json::json!({ "application/vnd.plotly.v1+json": figure });
    vec![Output::from_bundle(data.as_object().unwrap(), &serde_json::Map::new())]
}

#[test]
fn a_chart_says_what_it_shows_and_gives_its_data() {
    let mut harness = stage(oracle("plotly_bar_grouped"));
    harness.get_by_label_contains("Chart: 2 series of bar; k from a to b; v from 0 to 4");
    harness.get_by_label("Copy data").click();
    harness.run_steps(2);
    let Act::Copy(text) = &harness.state().acts[0] else { panic!() };
    assert_eq!(text.lines().next(), Some("series\tg\tk\tv"));
    assert_eq!(text.lines().nth(1), Some("x\tx\ta\t1"));
    assert_eq!(text.lines().count(), 5);
    harness.get_by_label("Show data").click();
    harness.run_steps(3);
    harness.get_by_label("4 rows \u{d7} 4");
    harness.get_by_label("Hide data").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("4 rows \u{d7} 4").is_none());
}

#[test]
fn words_on_the_parts_of_a_chart_can_be_read() {
    let mut h = stage_in(oracle("plotly_treemap"), Theme::light());
    h.run_steps(3);
    let inks = h.output().shapes.iter().filter_map(|s| match &s.shape {
        egui::Shape::Text(t) if t.galley.text() == "a" => Some(t.galley.job.sections[0].format.color),
        _ => None,
    });
    let inks: Vec<egui::Color32> = inks.collect();
    assert_eq!(inks, [egui::Color32::WHITE], "white on blue");
}

#[test]
fn a_line_of_the_legend_hides_its_series() {
    let mut harness = stage(oracle("plotly_scatter_colour"));
    let entry = |h: &Harness<'static, Stage>| {
        h.get_by_role_and_label(egui::accesskit::Role::CheckBox, "Show virginica").accesskit_node().toggled()
    };
    assert_eq!(entry(&harness), Some(egui::accesskit::Toggled::True));
    harness.get_by_label("Show virginica").click();
    harness.run_steps(3);
    assert_eq!(entry(&harness), Some(egui::accesskit::Toggled::False));
}

#[test]
fn a_drag_zooms_and_a_double_click_shows_all() {
    let mut harness = stage(oracle("plotly_line"));
    assert!(harness.query_by_label("Show all").is_none());
    harness.drag_at(egui::pos2(200.0, 100.0));
    harness.run_steps(1);
    harness.hover_at(egui::pos2(300.0, 180.0));
    harness.run_steps(1);
    harness.drop_at(egui::pos2(400.0, 250.0));
    harness.run_steps(3);
    harness.get_by_label("Show all").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("Show all").is_none());
}

#[test]
fn what_a_chart_leaves_out_is_said_and_its_data_shown() {
    let harness = stage(oracle("plotly_scatter3d"));
    harness.get_by_label_contains("scatter3d: three dimensions are not drawn");
    harness.get_by_label("2 rows \u{d7} 3");
}

#[test]
fn a_hundred_thousand_points_are_drawn_once() {
    let n = 100_000;
    let y: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 10_007)).collect();
    let line: Vec<f64> = (0..n).map(|i| (f64::from(i) / 500.0).sin() * 5_000.0).collect();
    let mut harness =
        stage(plotly(serde_json::json!({ "data": [{ "y": y, "mode": "markers" }, { "y": line, "mode": "lines" }] })));
    harness.run_steps(3);
    let start = std::time::Instant::now();
    harness.run_steps(20);
    let frame = start.elapsed() / 20;
    assert!(frame < std::time::Duration::from_millis(60), "{frame:?} a frame, unoptimised");
}

#[test]
fn a_chart_of_altair_is_drawn_from_its_page() {
    let harness = stage(oracle("altair_html_renderer"));
    harness.get_by_label_contains("Chart InHtml: one series of bar; x from 1 to 4; y from 0 to 4");
}
