//! What the user sees and does: which model is chosen, what a key means. No terminal is needed for it.

use loadmaster_core::InstanceState;
use loadmaster_orchestrator::ModelStatus;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What is shown beside what is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ui {
    /// The model that was chosen, by its name: the list may change.
    chosen: Option<String>,
    pub(crate) mode: Mode,
    /// What came of what the user did last.
    pub(crate) notice: Option<String>,
}

/// What keys are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Watch,
    Help,
    /// Is this to be done?
    Ask(Deed),
}

/// What may be done with a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    Start(String),
    Stop(String),
}

/// What a key has as its consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Nothing,
    Leave,
    Do(Deed),
}

impl Ui {
    /// The place of the chosen model in the list; the first while none was chosen, or it is gone.
    pub(crate) fn place(&self, models: &[ModelStatus]) -> usize {
        let chosen = |model: &ModelStatus| Some(&model.id) == self.chosen.as_ref();
        models.iter().position(chosen).unwrap_or(0)
    }

    /// Tells what came of something.
    pub(crate) fn noticed(self, notice: String) -> Self {
        Self { notice: Some(notice), ..self }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyEvent, models: &[ModelStatus]) -> (Self, Act) {
        // Windows tells of keys that are let go, too.
        if key.kind == KeyEventKind::Release {
            return (self, Act::Nothing);
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'C')) {
            return (self, Act::Leave);
        }
        self.notice = None;
        match std::mem::take(&mut self.mode) {
            Mode::Ask(deed) => match key.code {
                KeyCode::Char('y' | 'Y') | KeyCode::Enter => (self, Act::Do(deed)),
                KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => (self, Act::Nothing),
                _ => (Self { mode: Mode::Ask(deed), ..self }, Act::Nothing),
            },
            // Any key leads back.
            Mode::Help => (self, Act::Nothing),
            Mode::Watch => self.watching(key.code, models),
        }
    }

    fn watching(mut self, key: KeyCode, models: &[ModelStatus]) -> (Self, Act) {
        let (place, last) = (self.place(models), models.len().saturating_sub(1));
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return (self, Act::Leave),
            KeyCode::Down | KeyCode::Char('j') => self.choose(models, (place + 1).min(last)),
            KeyCode::Up | KeyCode::Char('k') => self.choose(models, place.saturating_sub(1)),
            KeyCode::Home | KeyCode::Char('g') => self.choose(models, 0),
            KeyCode::End | KeyCode::Char('G') => self.choose(models, last),
            KeyCode::Char('s') => {
                if let Some(model) = models.get(place) {
                    self.chosen = Some(model.id.clone());
                    self.mode = Mode::Ask(deed(model));
                }
            }
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = Mode::Help,
            _ => {}
        }
        (self, Act::Nothing)
    }

    fn choose(&mut self, models: &[ModelStatus], place: usize) {
        self.chosen = models.get(place).map(|model| model.id.clone());
    }
}

/// What runs can be stopped, and so can what somebody waits for.
fn deed(model: &ModelStatus) -> Deed {
    let state = model.instance.as_ref().map(|instance| &instance.state);
    let runs = state.is_some_and(|state| state.is_alive() && *state != InstanceState::Stopping);
    if runs || model.waits_for.is_some() {
        Deed::Stop(model.id.clone())
    } else {
        Deed::Start(model.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::examples::models, *};

    fn press(ui: Ui, code: KeyCode) -> (Ui, Act) {
        ui.key(KeyEvent::new(code, KeyModifiers::NONE), &models())
    }

    #[test]
    fn keys_choose_a_model_that_is_there() {
        let mut ui = Ui::default();
        let mut places = Vec::new();
        for key in [KeyCode::Up, KeyCode::Down, KeyCode::Char('j'), KeyCode::Down, KeyCode::Char('k')] {
            ui = press(ui, key).0;
            places.push(ui.place(&models()));
        }
        assert_eq!(places, [0, 1, 2, 2, 1]);
        assert_eq!(ui.place(&models()[..1]), 0, "it is gone");
        assert_eq!(ui.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE), &[]).0.place(&[]), 0);
    }

    #[test]
    fn nothing_is_done_before_it_is_confirmed() {
        let (asked, act) = press(Ui::default(), KeyCode::Char('s'));
        let stop = Deed::Stop("chat".to_owned());
        assert_eq!((&asked.mode, act), (&Mode::Ask(stop.clone()), Act::Nothing));
        assert_eq!(press(asked.clone(), KeyCode::Char('x')).0, asked, "that is no answer");
        let (no, act) = press(asked.clone(), KeyCode::Esc);
        assert_eq!((no.mode, act), (Mode::Watch, Act::Nothing));
        assert_eq!(press(asked, KeyCode::Char('y')).1, Act::Do(stop));
        let last = press(Ui::default(), KeyCode::End).0;
        let start = Deed::Start("unloaded".to_owned());
        assert_eq!(press(last, KeyCode::Char('s')).0.mode, Mode::Ask(start));
    }

    #[test]
    fn keys_leave() {
        for key in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(press(Ui::default(), key).1, Act::Leave);
        }
        let help = press(Ui::default(), KeyCode::Char('?')).0;
        assert_eq!(help.mode, Mode::Help);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(help.clone().key(ctrl_c, &[]).1, Act::Leave, "wherever one is");
        let released = KeyEvent { kind: KeyEventKind::Release, ..ctrl_c };
        assert_eq!(help.clone().key(released, &[]), (help.clone(), Act::Nothing));
        assert_eq!(press(help, KeyCode::Char('q')), (Ui::default(), Act::Nothing), "it leads back");
    }
}
