//! Group commit without a timer: who waits, who leads, who gets which answer.
//!
//! A thread that has a job joins the line. Finding no leader, it becomes one: it takes the whole
//! line, its own job included, carries it out in order and hands out the answers. What joins
//! meanwhile is the next leader's group, and that leader is the first of that line. So a lone
//! writer waits for nobody, and many writers share one disk flush; the slower the disk, the
//! larger the groups. Nobody leads twice for others' sake, and no job overtakes another.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The line of jobs `J`, each waiting for an answer `A`.
pub(super) struct Turns<J, A> {
    line: Mutex<Line<J, A>>,
}

struct Line<J, A> {
    waiting: Vec<(J, Arc<Seat<A>>)>,
    led: bool,
}

/// Where one thread waits.
struct Seat<A> {
    turn: Mutex<Turn<A>>,
    called: Condvar,
}

enum Turn<A> {
    Waiting,
    Lead,
    Answered(A),
    /// The leader ended without an answer.
    Lost,
}

/// The leader ended without an answer: what it was to do may or may not have happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeaderLost;

impl<J, A> Turns<J, A> {
    pub(super) fn new() -> Self {
        Self { line: Mutex::new(Line { waiting: Vec::new(), led: false }) }
    }

    /// Brings `job` to an answer. `lead` answers a group of jobs, one answer each, in order.
    pub(super) fn submit(&self, job: J, lead: impl FnOnce(Vec<J>) -> Vec<A>) -> Result<A, LeaderLost> {
        let seat = Arc::new(Seat { turn: Mutex::new(Turn::Waiting), called: Condvar::new() });
        let first = {
            let mut line = lock(&self.line);
            line.waiting.push((job, Arc::clone(&seat)));
            !std::mem::replace(&mut line.led, true)
        };
        if !first && let Some(answer) = seat.wait() {
            return answer;
        }
        self.lead(lead);
        // The group held our own job, so the seat is decided by now.
        seat.wait().unwrap_or(Err(LeaderLost))
    }

    fn lead(&self, lead: impl FnOnce(Vec<J>) -> Vec<A>) {
        let (jobs, seats): (Vec<J>, Vec<Arc<Seat<A>>>) =
            std::mem::take(&mut lock(&self.line).waiting).into_iter().unzip();
        let mut group = Group { turns: self, seats: seats.into_iter() };
        let answers = lead(jobs);
        // Answers lead the zip: it drops what it took from its left when its right ends, and that must not be a seat.
        for (answer, seat) in answers.into_iter().zip(group.seats.by_ref()) {
            seat.call(Turn::Answered(answer));
        }
    }
}

/// A group on its way. However the leader leaves, also by a panic, everyone in it is told and the next one leads.
struct Group<'a, J, A> {
    turns: &'a Turns<J, A>,
    seats: std::vec::IntoIter<Arc<Seat<A>>>,
}

impl<J, A> Drop for Group<'_, J, A> {
    fn drop(&mut self) {
        for seat in self.seats.by_ref() {
            seat.call(Turn::Lost);
        }
        let mut line = lock(&self.turns.line);
        match line.waiting.first() {
            Some((_, next)) => next.call(Turn::Lead),
            None => line.led = false,
        }
    }
}

impl<A> Seat<A> {
    fn call(&self, turn: Turn<A>) {
        *lock(&self.turn) = turn;
        self.called.notify_one();
    }

    /// Waits to be called; `None` means to lead.
    fn wait(&self) -> Option<Result<A, LeaderLost>> {
        let waiting = |turn: &mut Turn<A>| matches!(turn, Turn::Waiting);
        let mut turn = self.called.wait_while(lock(&self.turn), waiting).unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *turn, Turn::Waiting) {
            Turn::Answered(answer) => Some(Ok(answer)),
            Turn::Lost => Some(Err(LeaderLost)),
            Turn::Lead | Turn::Waiting => None,
        }
    }
}

/// A poisoned lock is taken all the same: what is behind these holds at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn wait_until(holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !holds() {
            assert!(Instant::now() < deadline, "the others never joined");
            std::thread::yield_now();
        }
    }

    #[test]
    fn every_job_gets_its_own_answer() {
        let turns = Turns::new();
        std::thread::scope(|scope| {
            for thread in 0..64_u32 {
                let turns = &turns;
                scope.spawn(move || {
                    for mine in (thread * 1_000..).take(50) {
                        let answer = turns.submit(mine, |jobs| jobs.into_iter().map(|job| job + 1).collect());
                        assert_eq!(answer, Ok(mine + 1));
                    }
                });
            }
        });
        assert!(!lock(&turns.line).led);
    }

    #[test]
    fn what_joins_meanwhile_is_one_group_in_the_order_it_came() {
        let turns: Turns<u32, u32> = Turns::new();
        let groups = Mutex::new(Vec::new());
        // A leader stays until the line is as long as it should get.
        let lead = |jobs: Vec<u32>, until: usize| {
            lock(&groups).push(jobs.clone());
            wait_until(|| lock(&turns.line).waiting.len() >= until);
            jobs
        };
        std::thread::scope(|scope| {
            scope.spawn(|| turns.submit(0, |jobs| lead(jobs, 7)));
            for job in 1..=7 {
                let (turns, groups, lead) = (&turns, &groups, &lead);
                let before = usize::try_from(job).unwrap() - 1;
                wait_until(|| !lock(groups).is_empty() && lock(&turns.line).waiting.len() >= before);
                scope.spawn(move || assert_eq!(turns.submit(job, |jobs| lead(jobs, 0)), Ok(job)));
            }
        });
        assert_eq!(*lock(&groups), [vec![0], (1..=7).collect()]);
    }

    #[test]
    fn a_leader_that_falls_takes_nobody_with_it() {
        let turns: Turns<u8, u8> = Turns::new();
        let fallen =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turns.submit(1, |_| panic!("leader falls"))));
        assert!(fallen.is_err());
        assert_eq!(turns.submit(2, |jobs| jobs), Ok(2));
        assert_eq!(turns.submit(3, |_| Vec::new()), Err(LeaderLost));
    }
}
