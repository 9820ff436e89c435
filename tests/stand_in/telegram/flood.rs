//! Telegram's rates: what a bot may send in a chat, in a group and altogether.
//!
//! Telegram publishes no more than "about one message per second in a chat, 20 per minute in a group, 30 per second overall", and bots find
//! that edits are counted too. So the rule here, on the strict side: everything that puts something before a person's eyes counts as one
//! send in its chat and overall, whatever the topic: each message (an album as many as it has items), each edit of a text, caption or
//! keyboard, each draft, rich ones too. Chat actions, reactions, deletions, answers to presses and the naming of topics are free.
//! A refused send does not count.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How many sends are taken within which time.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Sends at most.
    pub sends: usize,
    /// Within this time.
    pub within: Duration,
}

/// The limits of a bot.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// In one private chat.
    pub chat: Rate,
    /// In one group.
    pub group: Rate,
    /// Altogether.
    pub overall: Rate,
}

impl Rates {
    /// About what Telegram documents: 1/s in a chat with some burst, 20/min in a group, 30/s overall.
    pub fn telegram() -> Self {
        Self {
            chat: Rate { sends: 5, within: Duration::from_secs(5) },
            group: Rate { sends: 20, within: Duration::from_secs(60) },
            overall: Rate { sends: 30, within: Duration::from_secs(1) },
        }
    }
}

/// Counts sends.
#[derive(Debug)]
pub struct Flood {
    rates: Rates,
    chats: HashMap<i64, VecDeque<Instant>>,
    overall: VecDeque<Instant>,
}

impl Flood {
    /// Nothing sent yet.
    pub fn new(rates: Rates) -> Self {
        Self { rates, chats: HashMap::new(), overall: VecDeque::new() }
    }

    /// Takes so many sends at once, or says after how many seconds to come again. Groups have negative numbers.
    pub fn take(&mut self, chat: i64, count: usize) -> Result<(), u64> {
        let now = Instant::now();
        let rate = if chat < 0 { self.rates.group } else { self.rates.chat };
        let sends = self.chats.entry(chat).or_default();
        wait(sends, rate, now)?;
        wait(&mut self.overall, self.rates.overall, now)?;
        sends.extend(std::iter::repeat_n(now, count));
        self.overall.extend(std::iter::repeat_n(now, count));
        Ok(())
    }
}

fn wait(sends: &mut VecDeque<Instant>, rate: Rate, now: Instant) -> Result<(), u64> {
    sends.retain(|sent| now.duration_since(*sent) < rate.within);
    match sends.front() {
        Some(first) if sends.len() >= rate.sends => Err((rate.within - now.duration_since(*first)).as_secs() + 1),
        _ => Ok(()),
    }
}
