//! States that `GET /api/v1/events?topics=` tells of beside events.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};

/// How many changes a slow listener may fall behind before it is told the whole again.
const BACKLOG: usize = 256;

/// One server-sent event of a topic. It has no id: who comes back is told the whole again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The event's name.
    pub event: &'static str,
    /// What it tells.
    pub data: Value,
}

impl News {
    /// An event of that name.
    pub fn new(event: &'static str, data: Value) -> Self {
        Self { event, data }
    }
}

/// A state that listeners are told of.
pub trait Topic: fmt::Debug + Send + Sync {
    /// The whole state, and then each change, until the listener goes.
    fn listen(&self) -> BoxStream<'static, News>;
}

/// The topics that may be asked for, by name.
#[derive(Debug, Clone, Default)]
pub struct Topics(BTreeMap<&'static str, Arc<dyn Topic>>);

impl Topics {
    /// Adds one; of two with the same name the later one holds.
    pub fn add(&mut self, name: &'static str, topic: Arc<dyn Topic>) {
        self.0.insert(name, topic);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Topic>> {
        self.0.get(name)
    }

    /// The names there are.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// The whole state, read anew.
type Whole = dyn Fn() -> BoxFuture<'static, Vec<News>> + Send + Sync;

/// A topic whose owner tells each change, and can tell the whole at any time. Who falls behind is told the whole
/// again.
#[derive(Clone)]
pub struct Board {
    changes: broadcast::Sender<News>,
    whole: Arc<Whole>,
}

impl Board {
    /// A board whose whole state `whole` reads.
    pub fn new<F, W>(whole: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Vec<News>> + Send + 'static,
    {
        Self { changes: broadcast::Sender::new(BACKLOG), whole: Arc::new(move || whole().boxed()) }
    }

    /// Tells all listeners of a change.
    pub fn tell(&self, news: News) {
        // Nobody listens when this fails.
        let _ = self.changes.send(news);
    }

    /// Tells all listeners the whole again.
    pub async fn tell_whole(&self) {
        if self.is_listened_to() {
            for news in (self.whole)().await {
                self.tell(news);
            }
        }
    }

    /// Whether anybody listens now.
    pub fn is_listened_to(&self) -> bool {
        self.changes.receiver_count() > 0
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("listeners", &self.changes.receiver_count()).finish_non_exhaustive()
    }
}

impl Topic for Board {
    fn listen(&self) -> BoxStream<'static, News> {
        // Before the whole is read, so that no change is missed between; one may be told twice.
        let (changes, whole) = (self.changes.subscribe(), Arc::clone(&self.whole));
        let begin = (changes, true);
        stream::unfold(begin, move |(mut changes, again)| {
            let whole = Arc::clone(&whole);
            async move {
                if again {
                    return Some((whole().await, (changes, false)));
                }
                match changes.recv().await {
                    Ok(news) => Some((vec![news], (changes, false))),
                    Err(RecvError::Lagged(_)) => {
                        // What is kept for it is older than the whole.
                        let changes = changes.resubscribe();
                        Some((whole().await, (changes, false)))
                    }
                    Err(RecvError::Closed) => None,
                }
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn board() -> Board {
        Board::new(|| async { vec![News::new("all", json!([1, 2]))] })
    }

    async fn next(stream: &mut BoxStream<'static, News>) -> &'static str {
        stream.next().await.unwrap().event
    }

    #[tokio::test]
    async fn the_whole_comes_first_and_then_each_change() {
        let board = board();
        board.tell(News::new("unheard", Value::Null));
        assert!(!board.is_listened_to());
        let mut stream = board.listen();
        board.tell(News::new("one", json!(1)));
        assert_eq!((next(&mut stream).await, next(&mut stream).await), ("all", "one"));
        board.tell_whole().await;
        assert_eq!(next(&mut stream).await, "all");
        drop(stream);
        assert!(!board.is_listened_to());
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_the_whole_again() {
        let board = board();
        let mut stream = board.listen();
        assert_eq!(next(&mut stream).await, "all");
        for _ in 0..=BACKLOG {
            board.tell(News::new("one", json!(1)));
        }
        assert_eq!(next(&mut stream).await, "all");
        board.tell(News::new("two", json!(2)));
        assert_eq!(next(&mut stream).await, "two");
    }
}
