//! People who write to the bot, and what becomes of their messages.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use super::instant_agent::Echo;
use super::machine::Spread;
use super::tests::stand_in::telegram::{Person, State, Telegram};

/// How long nothing at all may be answered before what is outstanding counts as lost: longer than any time-out of the product.
const SILENCE: Duration = Duration::from_secs(90);

/// How people write.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Messages of each person.
    pub(crate) each: usize,
    /// How many a person sends before waiting for all their answers; 1 is a closed loop.
    pub(crate) at_once: usize,
}

/// What became of the messages.
#[derive(Default)]
pub(crate) struct Outcome {
    sent: usize,
    answered: usize,
    /// Answers that came before one of an earlier message of the same thread, or twice.
    disordered: usize,
    to_prompt: Vec<Duration>,
    to_answer: Vec<Duration>,
    elapsed: Duration,
}

impl Outcome {
    /// Whether nothing was lost, or lost its place.
    pub(crate) fn is_complete(&self) -> bool {
        self.answered == self.sent && self.disordered == 0
    }

    /// What was lost.
    pub(crate) fn verdict(&self) -> String {
        format!("{} of {} lost, {} out of order", self.sent - self.answered, self.sent, self.disordered)
    }

    /// Messages in a second.
    pub(crate) fn rate(&self) -> f64 {
        let answered = u32::try_from(self.answered).unwrap_or(u32::MAX);
        f64::from(answered) / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// From the person's message to the agent's having read it.
    pub(crate) fn to_prompt(&self) -> Spread {
        Spread::of(&mut self.to_prompt.clone())
    }

    /// From the person's message to the answer's arrival at Telegram.
    pub(crate) fn to_answer(&self) -> Spread {
        Spread::of(&mut self.to_answer.clone())
    }
}

/// One person's progress.
struct Writer<'a> {
    person: &'a Person,
    sent: usize,
    answered: usize,
}

/// An answer as the bot sent it.
struct Answer {
    chat: i64,
    echo: Echo,
    at: SystemTime,
}

/// Lets people write until everything is answered, or nothing is any more.
pub(crate) fn run(telegram: &Telegram, people: &[Person], shape: Shape) -> Outcome {
    let mut writers: HashMap<i64, Writer<'_>> =
        people.iter().map(|person| (person.chat(), Writer { person, sent: 0, answered: 0 })).collect();
    let mut outcome = Outcome { sent: people.len() * shape.each, ..Outcome::default() };
    let mut sent_at: HashMap<String, SystemTime> = HashMap::new();
    let mut seen = telegram.look(|state| state.calls.len());
    let began = Instant::now();
    writers.values_mut().for_each(|writer| writer.write(shape, &mut sent_at));
    while outcome.answered < outcome.sent {
        let Some(answers) = telegram.waits_at_most(SILENCE, |state| answers(state, &mut seen)) else { break };
        for answer in answers {
            let Some(writer) = writers.get_mut(&answer.chat) else { continue };
            let Some(sent) = sent_at.remove(&answer.echo.prompt) else {
                outcome.disordered += 1;
                continue;
            };
            outcome.disordered += usize::from(answer.echo.prompt != text(answer.chat, writer.answered));
            outcome.answered += 1;
            let read_at = Duration::from_nanos(u64::try_from(answer.echo.read_at).unwrap_or_default());
            outcome.to_prompt.push((SystemTime::UNIX_EPOCH + read_at).duration_since(sent).unwrap_or_default());
            outcome.to_answer.push(answer.at.duration_since(sent).unwrap_or_default());
            writer.answered += 1;
            writer.write(shape, &mut sent_at);
        }
    }
    outcome.elapsed = began.elapsed();
    outcome
}

impl Writer<'_> {
    /// Sends the next messages when all the ones before are answered.
    fn write(&mut self, shape: Shape, sent_at: &mut HashMap<String, SystemTime>) {
        if self.answered < self.sent {
            return;
        }
        for _ in 0..shape.at_once.min(shape.each - self.sent) {
            let text = text(self.person.chat(), self.sent);
            sent_at.insert(text.clone(), SystemTime::now());
            self.person.sends(&text);
            self.sent += 1;
        }
    }
}

fn text(chat: i64, number: usize) -> String {
    format!("message {number} of {chat}")
}

/// The answers among the calls from `seen` on; looks no further than the first send that is not done with.
fn answers(state: &mut State, seen: &mut usize) -> Option<Vec<Answer>> {
    let mut answers = Vec::new();
    while let Some(call) = state.calls.get(*seen) {
        if call.method == "sendMessage" {
            if call.answer.is_none() {
                break;
            }
            let echo = Echo::parse(call.text()).filter(|_| call.succeeded());
            answers.extend(call.chat().zip(echo).map(|(chat, echo)| Answer { chat, echo, at: call.at }));
        }
        *seen += 1;
    }
    (!answers.is_empty()).then_some(answers)
}
