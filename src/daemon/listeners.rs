//! The listeners that others than this machine's users reach: bound before anything is opened, served, and held to a changed
//! configuration. Their certificates are looked after in [`super::https`].

use std::sync::Arc;

use super::https;
use super::lifecycle::Lifecycle;
use crate::config::Config;
use crate::http::App;
use crate::http::forward::{self, Forward, Rules};
use crate::http::public::{self, Front, ListenError, Prepared, Public};

/// Listeners, as far as there are to be any.
pub struct Listeners {
    https: Option<Public>,
    forward: Option<(Public, Rules)>,
}

/// Listeners that can be served; by default none.
#[derive(Default)]
pub struct Ready {
    https: Option<Public>,
    forward: Option<(Public, Arc<Forward>)>,
}

/// What of them can be exchanged while they serve.
#[derive(Clone)]
pub struct Doors {
    https: Option<Arc<Front>>,
    forward: Option<(Arc<Front>, Arc<Forward>)>,
}

/// New settings of all of them that were found to work.
pub struct Changes {
    https: Option<Prepared>,
    forward: Option<(Prepared, Rules)>,
}

impl Listeners {
    /// Binds what `config` wants, and takes its settings out.
    ///
    /// # Errors
    /// When a certificate cannot be used or the system refuses an address.
    pub async fn bind(config: &mut Config) -> Result<Self, ListenError> {
        let https = match &config.https {
            Some(settings) => Some(Public::bind(settings).await?),
            None => None,
        };
        let forward = match config.forward_auth.take().map(forward::Settings::parts) {
            Some((listener, rules)) => Some((Public::bind(&listener).await?, rules)),
            None => None,
        };
        Ok(Self { https, forward })
    }

    /// With what they work with: what can be exchanged, and what can be served.
    #[must_use]
    pub fn with(self, app: &Arc<App>) -> (Doors, Ready) {
        let Self { https, forward } = self;
        let forward = forward.map(|(listener, rules)| (listener, Arc::new(Forward::new(Arc::clone(app), rules))));
        let doors = Doors {
            https: https.as_ref().map(Public::front),
            forward: forward.as_ref().map(|(listener, forward)| (listener.front(), Arc::clone(forward))),
        };
        (doors, Ready { https, forward })
    }
}

impl Ready {
    /// Serves until the lifecycle ends.
    pub fn serve(self, app: &Arc<App>, lifecycle: &Lifecycle) {
        let ending = lifecycle.ending();
        if let Some(listener) = self.https {
            let front = listener.front();
            let serving = listener.serve(public::router(Arc::clone(app)), ending.clone());
            spawn(front, serving, app, lifecycle);
        }
        if let Some((listener, forward)) = self.forward {
            let front = listener.front();
            let serving = listener.serve(forward::router(forward), ending);
            spawn(front, serving, app, lifecycle);
        }
    }
}

/// A listener, and who looks after its certificate.
fn spawn(front: Arc<Front>, serving: impl Future<Output = ()> + Send + 'static, app: &Arc<App>, lifecycle: &Lifecycle) {
    let (board, clock, end) = (app.board.clone(), Arc::clone(&app.clock), lifecycle.ending().soft);
    lifecycle.spawn(front.section(), async {
        serving.await;
        Ok(())
    });
    lifecycle.spawn(format!("{} certificate", front.section()), https::run(front, board, clock, end));
}

impl Doors {
    /// Whether what `config` wants would work, without changing anything. Blocks.
    ///
    /// # Errors
    /// When a file cannot be used, or it takes another listener than there is.
    pub fn prepare(&self, config: &mut Config) -> Result<Changes, ListenError> {
        let restart = |section| ListenError::NeedsRestart { section, key: "listen" };
        let https = match (&self.https, &config.https) {
            (Some(front), Some(settings)) => Some(front.prepare(settings)?),
            (None, None) => None,
            _ => return Err(restart("https")),
        };
        let forward = match (&self.forward, config.forward_auth.take()) {
            (Some((front, _)), Some(settings)) => {
                let (listener, rules) = settings.parts();
                Some((front.prepare(&listener)?, rules))
            }
            (None, None) => None,
            _ => return Err(restart("forward_auth")),
        };
        Ok(Changes { https, forward })
    }

    /// Holds everything that comes from now on to the new settings.
    pub fn exchange(&self, changes: Changes, app: &App) {
        let Changes { https, forward } = changes;
        if let (Some(front), Some(prepared)) = (&self.https, https) {
            front.exchange(prepared);
            https::post(front, &app.board, app.clock.now());
        }
        if let (Some((front, rules)), Some((prepared, new))) = (&self.forward, forward) {
            front.exchange(prepared);
            rules.exchange(new);
            https::post(front, &app.board, app.clock.now());
        }
    }
}
