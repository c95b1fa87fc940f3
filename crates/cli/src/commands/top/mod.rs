//! `loadmaster top`: memory, models, work and events of a running `loadmaster serve`, as they change.

mod bar;
mod draw;
#[cfg(test)]
mod examples;
mod feed;
mod idle;
mod look;
mod screen;
mod seen;
mod state;
mod ui;

use std::{
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
    time::Duration,
};

use ratatui::crossterm::event::Event;

use self::{
    draw::View,
    feed::{Beginning, News},
    look::Look,
    screen::Screen,
    state::State,
    ui::{Act, Ui},
};
use super::{events::clock::now_ms, interrupts::Interrupts};
use crate::{
    Failed,
    args::TopArgs,
    config::{Config, Terminal},
    failed::INTERRUPTED,
    printed::print,
};

/// How wide what is printed is, in columns.
const PRINTED: u16 = 100;

/// How often times are drawn anew when nothing else happens.
const TICK: Duration = Duration::from_secs(1);

pub(crate) async fn execute(args: TopArgs, config: &Config) -> Result<ExitCode, Failed> {
    let terminal = Terminal::of_environment();
    let look = Look { colour: terminal.colour, unicode: terminal.unicode && !args.ascii };
    // Without a listener Ctrl-C would end the program in the middle of the screen.
    let mut interrupts = Interrupts::listen()?;
    let beginning = tokio::select! {
        beginning = feed::begin(config) => beginning?,
        () = interrupts.next() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    if args.json || args.once || !terminal.screen || !stdout().is_terminal() || !stdin().is_terminal() {
        let state = tokio::select! {
            state = beginning.whole() => state?,
            () = interrupts.next() => return Ok(ExitCode::from(INTERRUPTED)),
        };
        print(&if args.json { format!("{}\n", state.as_json()) } else { draw::text(&state, look, PRINTED) })?;
        return Ok(ExitCode::SUCCESS);
    }
    watch(beginning, config, look, interrupts).await
}

/// Shows a screen of its own until the user leaves.
async fn watch(
    beginning: Beginning,
    config: &Config,
    look: Look,
    mut interrupts: Interrupts,
) -> Result<ExitCode, Failed> {
    let (mut state, mut feed) = beginning.follow(config);
    let mut ui = Ui::default();
    let mut screen = Screen::open()?;
    let mut typed = screen::typed();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let view = View { state: &state, ui: Some(&ui), look };
        screen.show(|area, buffer| draw::draw(view, area, buffer))?;
        tokio::select! {
            news = feed.news.recv() => {
                // Whatever came together is drawn together.
                let mut next = news;
                while let Some(news) = next {
                    (state, ui) = taken(state, ui, news);
                    next = feed.news.try_recv().ok();
                }
            }
            event = typed.recv() => {
                // Without a terminal there is nobody to show anything to.
                let Some(event) = event else { return Ok(ExitCode::SUCCESS) };
                // A change of the size needs no more than to be drawn.
                let Event::Key(key) = event else { continue };
                let act;
                (ui, act) = ui.key(key, &state.models);
                match act {
                    Act::Nothing => {}
                    Act::Leave => return Ok(ExitCode::SUCCESS),
                    Act::Do(deed) => feed.act(deed),
                }
            }
            _ = ticks.tick() => state = state.at(now_ms()),
            () = interrupts.next() => return Ok(ExitCode::from(INTERRUPTED)),
        }
    }
}

/// Takes in what came.
fn taken(state: State, ui: Ui, news: News) -> (State, Ui) {
    match news {
        News::Heard(heard) => (state.take(heard, now_ms()), ui),
        News::Instances(status) => (state.at(now_ms()).instances(status), ui),
        News::Program(program) => (state.by(program), ui),
        News::Done(told) => (state, ui.noticed(told)),
    }
}
