//! Clients that ask again as soon as they are answered: for the next turn of a conversation, or for an image.

use std::time::Instant;

use super::asking::{Conversation, paint};
use crate::bench::http::Address;

/// Tokens of each answer, and the longest conversation in tokens; then another one begins.
const TOKENS: u64 = 16;
const LONGEST: u64 = 700;

/// Seeds of the images, again and again.
pub(super) const SEEDS: [u64; 3] = [11, 12, 13];

/// Steps and side of each image.
pub(super) const STEPS: u32 = 4;
pub(super) const SIDE: u32 = 64;

/// What clients were given.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Answers that came whole.
    pub(super) answers: u32,
    /// Of these, the ones that a conversation went on with.
    pub(super) turns: u32,
    /// Of these turns, the ones before which all but the last tokens were there.
    pub(super) continued: u32,
    /// Images that came.
    pub(super) images: u32,
    /// Of these, the ones that are the same to the byte as those made alone.
    pub(super) identical: u32,
    /// What did not come, and why.
    pub(super) lost: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.turns += other.turns;
        self.continued += other.continued;
        self.images += other.images;
        self.identical += other.identical;
        self.lost.extend(other.lost);
    }
}

/// Chats until `end`.
pub(super) fn chat(address: &Address, client: u32, end: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut conversation = Conversation::default();
    let mut turn = 0;
    while Instant::now() < end {
        turn += 1;
        let question = format!("Client {client} asks: what comes to your mind about the number {turn}?");
        match conversation.ask(address, &question, TOKENS) {
            Ok(said) => {
                tally.answers += 1;
                tally.turns += u32::from(said.had > 0);
                tally.continued += u32::from(said.had > 0 && said.went_on());
            }
            Err(error) => tally.lost.push(format!("chat: {error:#}")),
        }
        if conversation.tokens > LONGEST || !tally.lost.is_empty() {
            conversation = Conversation::default();
        }
    }
    tally
}

/// Asks for images until `end`; `alone` are those of [`SEEDS`] that were made alone.
pub(super) fn paints(address: &Address, client: usize, alone: &[String], end: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut at = client;
    while Instant::now() < end {
        at = (at + 1) % SEEDS.len();
        match paint(address, SEEDS[at], STEPS, SIDE) {
            Ok(picture) => {
                tally.images += 1;
                tally.identical += u32::from(picture.base64 == alone[at]);
            }
            Err(error) => tally.lost.push(format!("image: {error:#}")),
        }
    }
    tally
}
