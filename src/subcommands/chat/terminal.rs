//! The terminal as something to write to, also while the person edits a line on it.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use rustyline::ExternalPrinter;

/// Writes above the line that is being edited.
pub(super) type Printer = Box<dyn ExternalPrinter + Send>;

/// Standard output; a clone is the same one.
#[derive(Clone)]
pub(super) struct Terminal(Rc<RefCell<State>>);

struct State {
    printer: Option<Printer>,
    /// A line is being edited.
    editing: bool,
    /// What is not yet a whole line: only those can be written above.
    rest: Vec<u8>,
}

impl Terminal {
    /// Standard output, with the way around a line editor where there is one.
    pub(super) fn new(printer: Option<Printer>) -> Self {
        Self(Rc::new(RefCell::new(State { printer, editing: false, rest: Vec::new() })))
    }

    /// The editing of a line begins or ends.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn set_editing(&self, editing: bool) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.editing = editing && state.printer.is_some();
        let rest = if state.editing { Vec::new() } else { std::mem::take(&mut state.rest) };
        drop(state);
        io::stdout().write_all(&rest)?;
        io::stdout().flush()
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        if state.editing {
            state.rest.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let state = &mut *self.0.borrow_mut();
        let (true, Some(printer)) = (state.editing, &mut state.printer) else { return io::stdout().flush() };
        let Some(end) = state.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let lines: Vec<u8> = state.rest.drain(..=end).collect();
        printer.print(String::from_utf8_lossy(&lines).into_owned()).map_err(io::Error::other)
    }
}
