//! The pages the story is told on: a terminal, with some colour and a bar; a file, with neither; or nothing at all.

use std::io::{self, Write};

use console::{Style, Term};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

const WIDTH_OF_A_FILE: u16 = 130;
const WIDEST: u16 = 150;
/// Everything below a step's title stands this far in.
const INDENT: &str = "   ";

/// Where the story is told.
pub struct Screen {
    out: Box<dyn Write + Send>,
    terminal: bool,
    colour: bool,
    width: u16,
}

impl Screen {
    /// Standard output.
    pub fn stdout() -> Self {
        let term = Term::stdout();
        let terminal = term.is_term();
        let width = match terminal {
            true => term.size().1.min(WIDEST),
            false => WIDTH_OF_A_FILE,
        };
        Self {
            out: Box::new(io::stdout()),
            terminal,
            colour: terminal && console::colors_enabled(),
            width,
        }
    }

    /// Nowhere.
    pub fn silent() -> Self {
        Self {
            out: Box::new(io::sink()),
            terminal: false,
            colour: false,
            width: WIDTH_OF_A_FILE,
        }
    }

    /// How many characters a line has room for.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// A line as it is.
    pub fn line(&mut self, text: &str) {
        // Whoever closed the output wants to read no more; the demo still ends in order.
        let _ = writeln!(self.out, "{text}");
    }

    /// A title, with room above it.
    pub fn title(&mut self, text: &str) {
        let title = self.styled(Style::new().bold(), text);
        self.line(&format!("\n{title}"));
    }

    /// A sentence or two of the story.
    pub fn say(&mut self, text: &str) {
        self.line(&format!("{INDENT}{text}"));
    }

    /// What was sent or what happened, beside its story.
    pub fn detail(&mut self, text: &str) {
        let text = self.styled(Style::new().dim(), text);
        self.line(&format!("{INDENT}  {text}"));
    }

    /// A request and what it was answered.
    pub fn exchange(&mut self, request: &str, answer: &str) {
        let request = self.styled(Style::new().cyan(), request);
        self.line(&format!("{INDENT}  {request}  ->  {answer}"));
    }

    /// A command and what it says.
    pub fn command(&mut self, command: &str, said: &str) {
        let command = self.styled(Style::new().cyan(), command);
        self.line(&format!("{INDENT}  {command}"));
        for line in said.lines() {
            self.detail(&format!("  {line}"));
        }
    }

    /// A body as it was received, indented and otherwise untouched.
    pub fn body(&mut self, text: &str) {
        for line in indented(text) {
            self.detail(&format!("  {line}"));
        }
    }

    /// The outcome of a check.
    pub fn verdict(&mut self, passed: bool, text: &str) {
        let mark = match passed {
            true => self.styled(Style::new().green(), "ok"),
            false => self.styled(Style::new().red().bold(), "FAILED"),
        };
        self.line(&format!("{INDENT}{mark}  {text}"));
    }

    /// A table whose bad rows stand out.
    pub fn table(&mut self, table: &str) {
        for line in table.lines() {
            let line = match line.contains("FAILED") {
                true => self.styled(Style::new().red(), line),
                false => line.to_owned(),
            };
            self.line(&line);
        }
    }

    /// Begins to show how something of this many bytes grows.
    pub fn progress(&self, total: u64) -> Progress {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stdout());
            let template = "     on disk [{bar:36}] {bytes} of {total_bytes}, {bytes_per_sec}";
            // The template is fixed, and the test below reads it.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Progress {
            bar,
            total,
            quarters: 0,
        }
    }

    /// Shows that it has grown: the bar on a terminal, a line for each quarter elsewhere.
    pub fn grown(&mut self, progress: &mut Progress, bytes: u64) {
        if let Some(bar) = &progress.bar {
            bar.set_position(bytes.max(bar.position()));
            return;
        }
        let quarters = bytes * 4 / progress.total.max(1);
        if quarters > progress.quarters && quarters < 4 {
            progress.quarters = quarters;
            let (bytes, total) = (HumanCount(bytes), HumanCount(progress.total));
            self.detail(&format!("{bytes} of {total} bytes on disk"));
        }
    }

    /// Takes the bar away.
    pub fn done(&mut self, progress: Progress) {
        if let Some(bar) = progress.bar {
            bar.finish_and_clear();
        }
    }

    fn styled(&self, style: Style, text: &str) -> String {
        style.force_styling(self.colour).apply_to(text).to_string()
    }
}

/// Something that grows.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    quarters: u64,
}

/// JSON with a line for each member, in the order in which they were received. Anything else as it is.
fn indented(json: &str) -> Vec<String> {
    let (mut lines, mut line, mut depth) = (Vec::new(), String::new(), 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for letter in json.chars() {
        if in_text {
            line.push(letter);
            in_text = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        let mut end_line = |line: &mut String, depth: usize| {
            lines.push(std::mem::replace(line, "  ".repeat(depth)));
        };
        match letter {
            '{' | '[' => {
                line.push(letter);
                depth += 1;
                end_line(&mut line, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                end_line(&mut line, depth);
                line.push(letter);
            }
            ',' => {
                line.push(letter);
                end_line(&mut line, depth);
            }
            ':' => line.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => {
                in_text = letter == '"';
                line.push(letter);
            }
        }
    }
    lines.push(line);
    match serde_json::from_str::<serde::de::IgnoredAny>(json) {
        Ok(_) => lines,
        Err(_) => json.lines().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_indented_and_its_members_stay_in_order() {
        let lines = indented(r#"{"b":[{"x":"a, \"b\": {c}"}],"a":1}"#);
        let expected = [
            "{",
            "  \"b\": [",
            "    {",
            "      \"x\": \"a, \\\"b\\\": {c}\"",
            "    }",
            "  ],",
            "  \"a\": 1",
            "}",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_not_json_is_shown_as_it_came() {
        assert_eq!(indented("<html>: no"), ["<html>: no"]);
        assert!(indented("").is_empty());
    }

    #[test]
    fn the_bar_has_a_template_that_can_be_read() {
        let template = "     on disk [{bar:36}] {bytes} of {total_bytes}, {bytes_per_sec}";
        assert!(ProgressStyle::with_template(template).is_ok());
    }
}
