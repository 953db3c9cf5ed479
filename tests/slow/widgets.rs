//! Widgets of ipywidgets against real kernels: of this program, of the owner's, and of a Jupyter server over both protocols.
use std::time::Duration;

use andon::{
    base::job::JobCtx,
    engine::kernel::{Comm, ExecEvent, ExecOptions, Session},
};
use serde_json::{Map, Value, json};

use crate::{
    kernel::{Log, bench, displayed, shown, until},
    kerneld::{Desk, Seen},
    remote,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Page<'a> {
    session: &'a Session,
    log: Log,
}

impl Page<'_> {
    #[track_caller]
    fn run(&self, code: &str) {
        let outcome = self.session.run(code, ExecOptions::default(), &JobCtx::detached(), self.log.sink()).unwrap();
        assert!(outcome.is_ok(), "{outcome:?} {}", self.log.text(true));
    }
    /// The widget of this model that was opened last.
    #[track_caller]
    fn model(&self, name: &str) -> String {
        let log = self.log.0.lock().unwrap();
        let id = log.iter().rev().find_map(|e| match e {
            ExecEvent::Comm(c) if c.state().get("_model_name").is_some_and(|n| n == name) => Some(c.id.clone()),
            _ => None,
        });
        id.unwrap_or_else(|| panic!("there is no {name}"))
    }
    fn set(&self, id: &str, field: &str, value: Value) {
        let change = Map::from_iter([(field.to_owned(), value)]);
        self.session.comm(Comm::update(id, change), self.log.sink()).unwrap();
    }
    fn event(&self, id: &str, content: Value) {
        self.session.comm(Comm::custom(id, content), self.log.sink()).unwrap();
    }
    #[track_caller]
    fn shows(&self, text: &str) {
        until(PATIENCE, &format!("{text:?} to be shown"), || shown(&self.log).contains(text));
    }
}

/// What a person does with a slider, a list, a field and a button reaches the code, and what the code says of it comes back.
fn listen(session: &Session) {
    let page = Page { session, log: Log::default() };
    page.run(
        "import ipywidgets as w\nfrom IPython.display import display\nseen = []\n\
         @w.interact(n=w.IntSlider(value=3, max=9), city=['DAL', 'OSL'], text='a')\n\
         def f(n, city, text):\n    seen.append((n, city, text))\n    print(n, city, text)",
    );
    page.shows("3 DAL a");
    page.set(&page.model("IntSliderModel"), "value", json!(8));
    page.shows("8 DAL a");
    page.set(&page.model("DropdownModel"), "index", json!(1));
    page.shows("8 OSL a");
    page.set(&page.model("TextModel"), "value", json!("caf\u{e9}"));
    page.shows("8 OSL caf\u{e9}");
    assert!(!shown(&page.log).contains("DAL a"), "what was printed before is cleared");
    // A button whose answer changes another widget, and one that raises.
    page.run(
        "button, label, bad = w.Button(description='Go'), w.Label('waiting'), w.Button(description='Bad')\n\
         def go(b):\n    label.value = 'went'\n    seen.append('click')\n\
         button.on_click(go)\nbad.on_click(lambda b: 1 / 0)\nbox = w.VBox([button, label, bad])\ndisplay(box)",
    );
    page.shows("waiting");
    let buttons: Vec<String> = {
        let log = page.log.0.lock().unwrap();
        let of = |e: &ExecEvent| match e {
            ExecEvent::Comm(c) if c.state().get("_model_name").is_some_and(|n| n == "ButtonModel") => {
                Some(c.id.clone())
            }
            _ => None,
        };
        log.iter().filter_map(of).collect()
    };
    page.event(&buttons[0], json!({ "event": "click" }));
    page.shows("went");
    page.event(&buttons[1], json!({ "event": "click" }));
    let raised = |e: &ExecEvent| match e {
        ExecEvent::Error { ename, .. } => ename == "ZeroDivisionError",
        ExecEvent::Stream { text, .. } => text.contains("ZeroDivisionError"),
        _ => false,
    };
    until(PATIENCE, "the error of the button", || page.log.has(raised));
    // Many moves at once: the last one counts, and nothing is left over.
    let slider = page.model("IntSliderModel");
    (0..=9).chain([4]).for_each(|n| page.set(&slider, "value", json!(n)));
    page.run("print('seen', seen[-2:], len(seen))");
    until(PATIENCE, "the end", || {
        page.log.text(false).contains("seen [(9, 'OSL', 'caf\u{e9}'), (4, 'OSL', 'caf\u{e9}')]")
    });
    assert!(!displayed(&page.log).is_empty());
}

#[test]
fn widgets_of_a_kernel_of_this_program_listen() {
    let b = bench();
    listen(&b.session);
    b.session.shutdown();
}

#[test]
fn widgets_of_a_kernel_that_outlives_the_window_listen() {
    let desk = Desk::new(&["1"]);
    let kernels = desk.kernels();
    listen(&desk.start(&kernels, "n.ipynb", &Seen::default()));
}

#[test]
fn widgets_of_a_kernel_on_a_server_listen_over_both_protocols() {
    for options in [&[][..], &["--ZMQChannelsWebsocketConnection.kernel_ws_protocol="][..]] {
        let server = remote::jupyter(options);
        let url = server.url();
        let b = remote::bench(&server, &[&url]);
        let session = b.start(&remote::python(&url));
        listen(&session);
        session.shutdown();
        b.kernels.shutdown_all();
    }
}
