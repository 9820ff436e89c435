//! The keeper's watch: what all processes of a runtime use together, and what its user's files take, looked at again and again. Whoever
//! passes a limit is ended with a word, before the kernel's own walls ([`super::limits`], cgroups) refuse without one.
//!
//! A look costs one pass over /proc, some microseconds a process of the machine; files are counted only when it matters ([`disk`]).
//! What it cannot see: memory that no process has mapped, such as what waits in pipes and sockets (the kernel bounds it per user), and
//! files of /dev/shm, which has a bound of its own.

mod disk;
mod processes;

use std::time::{Duration, Instant};

use self::disk::Disk;
use self::processes::Load;
use super::Plan;
use crate::config::Limits;
use crate::model::Excess;

/// Between two looks while the runtime works: what fills memory at a gigabyte a second is met at a quarter more than its limit.
const BUSY: Duration = Duration::from_millis(250);

/// The same while it rests.
const IDLE: Duration = Duration::from_secs(1);

/// Clock ticks of a second, as /proc counts them on every machine that we are built for (proc(5), `USER_HZ`).
const TICKS: u64 = 100;

/// The watch over one runtime: the descendants of this process.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    processor: Processor,
    disk: Disk,
    next: Instant,
}

impl Watch {
    /// Over the processes and files of a plan, from soon on: a start is not to be held up.
    pub(crate) fn over(plan: &Plan) -> Self {
        let now = Instant::now();
        let processor = Processor { window: plan.limits.cpu_window, since: now, spent: 0, last: 0 };
        Self { limits: plan.limits.clone(), processor, disk: Disk::new(plan.counted.clone()), next: now + BUSY }
    }

    /// When the next look is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Looks, if it is time; gives the limit that was passed.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Excess> {
        if now < self.next {
            return None;
        }
        let load = processes::load();
        let is_busy = self.processor.note(now, load.ticks);
        let over = over(&self.limits, &load).or_else(|| self.processor.is_over(self.limits.cpu_percent).then_some(Excess::Cpu));
        let over = over.or_else(|| self.disk.look(now, is_busy, &self.limits));
        // A look that took long is not begun anew at once.
        self.next = Instant::now() + if is_busy { BUSY } else { IDLE };
        over
    }
}

/// The limit of processes or memory that is passed. Memory is looked at twice: what is resident counts shared pages once per process, and
/// only where that is too much, the kernel is asked for the exact share.
fn over(limits: &Limits, load: &Load) -> Option<Excess> {
    if load.threads > limits.processes {
        return Some(Excess::Processes { most: limits.processes });
    }
    let is_over = load.resident > limits.memory && load.proportional() > limits.memory;
    is_over.then_some(Excess::Memory { most: limits.memory })
}

/// Use of the processor since the beginning of a window, in clock ticks.
#[derive(Debug)]
struct Processor {
    window: Duration,
    since: Instant,
    spent: u64,
    last: u64,
}

impl Processor {
    /// Takes the new total; says whether anything was spent since the last one. A total that falls is one whose processes have ended.
    fn note(&mut self, now: Instant, total: u64) -> bool {
        if now.duration_since(self.since) >= self.window {
            (self.since, self.spent) = (now, 0);
        }
        let more = total.saturating_sub(self.last);
        let is_busy = total != self.last;
        self.last = total;
        self.spent = self.spent.saturating_add(more);
        is_busy
    }

    /// Whether a window's share is spent, be it over or not, and a tenth more: a cgroup that throttles keeps it at just its share.
    fn is_over(&self, percent: u64) -> bool {
        let share = percent.saturating_mul(self.window.as_secs()) / 100;
        self.spent > share.saturating_mul(TICKS) / 10 * 11
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(threads: u64, resident: u64) -> Load {
        Load { threads, resident, ticks: 0, pids: Vec::new() }
    }

    #[test]
    fn as_many_as_are_allowed_are_allowed() {
        let limits = Limits { processes: 10, memory: 1000, ..Limits::default() };
        assert_eq!(over(&limits, &load(10, 1000)), None);
        assert_eq!(over(&limits, &load(11, 0)), Some(Excess::Processes { most: 10 }));
    }

    #[test]
    fn memory_that_is_shared_counts_once() {
        // Nobody's pages are there to be asked for, as if all of them were others'.
        assert_eq!(over(&Limits { memory: 1000, ..Limits::default() }, &load(1, 5000)), None);
    }

    #[test]
    fn a_half_hour_has_its_share_of_the_processor_and_the_next_one_too() {
        let (start, second, window) = (Instant::now(), TICKS, Duration::from_secs(1800));
        let mut processor = Processor { window, since: start, spent: 0, last: 0 };
        assert!(processor.note(start, 19 * second));
        assert!(!processor.is_over(1), "one percent of half an hour is 18 s, and a tenth more");
        assert!(processor.note(start, 10 * second), "some have ended");
        assert!(processor.note(start, 11 * second));
        assert!(processor.is_over(1));
        assert!(!processor.note(start + window, 11 * second));
        assert!(!processor.is_over(1));
    }
}
