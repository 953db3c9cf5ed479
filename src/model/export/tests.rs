use super::*;
use crate::model::notebook::CellKind;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn book() -> Notebook {
    let hostile = "<div onclick=\"evil()\"><script>evil()</script><table><tr><th></th><th>a&amp;b</th></tr><tr><td>0</td><td>1.5</td></tr></table></div>";
    let json = serde_json::json!({
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "attachments": {"p.png": {"image/png": PNG}},
             "source": "# Title <script>evil()</script>\n\n<b onclick='evil()'>bold</b> [x](javascript:evil()) [ok](https://a.b)\n\n![p](attachment:p.png)"},
            {"cell_type": "code", "execution_count": 3, "metadata": {}, "source": "print('<b>')",
             "outputs": [
                {"output_type": "stream", "name": "stdout", "text": "\u{1b}[31mred\u{1b}[0m <i>\n"},
                {"output_type": "display_data", "metadata": {}, "data": {"text/html": hostile, "text/plain": "t"}},
                {"output_type": "display_data", "metadata": {}, "data": {"image/png": PNG}},
                {"output_type": "error", "ename": "E", "evalue": "<x>", "traceback": []}
             ]}
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}, "nbformat": 4, "nbformat_minor": 4
    });
    Notebook::parse(serde_json::to_vec(&json).unwrap()).unwrap()
}

fn text(form: Form) -> String {
    String::from_utf8(export(&book(), form, "a <b>").unwrap()).unwrap()
}

#[test]
fn a_page_holds_everything_and_nothing_that_runs() {
    let page = text(Form::Html);
    for never in ["<script", "onclick", "javascript:", "<i>", "<x>", "evil()</"] {
        assert!(!page.contains(never), "{never}: {page}");
    }
    for there in [
        "<title>a &lt;b&gt;</title>",
        "<b>bold</b>",
        "href=\"https://a.b\"",
        "print(&#39;&lt;b&gt;&#39;)",
        "color:#cf222e",
        "<td class=\"num\">1.5</td>",
        "a&amp;b",
        "[3]",
        "E: &lt;x&gt;",
        "default-src 'none'",
    ] {
        assert!(page.contains(there), "{there}: {page}");
    }
    assert_eq!(page.matches(&format!("data:image/png;base64,{PNG}")).count(), 2, "the attachment and the output");
}

#[test]
fn markdown_holds_code_tables_and_pictures() {
    let page = text(Form::Markdown);
    assert!(page.contains("```python\nprint('<b>')\n```"), "{page}");
    assert!(page.contains("a&b |") && page.contains("| 1.5 |"), "{page}");
    assert!(page.contains("```text\nred <i>\n```"), "{page}");
    assert_eq!(page.matches(PNG).count(), 2);
}

#[test]
fn scripts_are_notebooks_again() {
    for (form, path) in [(Form::Script, "a.py"), (Form::Quarto, "a.qmd")] {
        let again = Script::read(path, &text(form)).unwrap().notebook().unwrap();
        let code = again.cells().iter().find(|c| c.kind == CellKind::Code).unwrap();
        assert_eq!(&*code.source, "print('<b>')");
    }
    let again = Notebook::parse(text(Form::Ipynb).into_bytes()).unwrap();
    assert_eq!(again.to_bytes(), book().to_bytes());
    let mut other = book();
    other.set_metadata("{\"language_info\": {\"name\": \"rust\"}}").unwrap();
    assert!(export(&other, Form::Script, "a").unwrap_err().to_string().contains("rust"));
    assert!(export(&other, Form::Html, "a").is_ok());
}

#[test]
fn forms_are_known_by_name() {
    for form in Form::ALL {
        assert_eq!(Form::of(&format!("x/a.{}", form.ending("python"))), Some(form));
    }
    assert_eq!(Form::of("a.txt"), None);
}
