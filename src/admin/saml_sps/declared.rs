//! Service providers that the configuration declares, and what of them is pinned.
//!
//! A section with a file is whole: its metadata stands beside it. One with an address says who may sign in and what the application is
//! told, and the rest comes from there: what comes first, over TLS, is pinned in the store, and anything else waits from then on
//! ([`super::refresh`]). Until something is pinned, nobody is answered. What is pinned belongs to the address: a section that names
//! another one begins anew. It stays when the section goes, so that a section that comes back finds what counted, and not what is
//! published by then.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use super::metadata::{digest, fitting};
use super::settings::{NewSp, SpSettings};
use crate::admin::{Admin, AdminError};
use crate::authn::saml::SpMetadata;
use crate::base::Timestamp;
use crate::base::clock::expired;
use crate::base::text::printable;
use crate::model::saml_sp::SpPin;
use crate::model::{SamlSp, SpName};
use crate::store::iam::Read;
use crate::store::{Snapshot, StoreError, saml};

/// A service provider that the configuration declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredSp {
    /// Its metadata came with the configuration.
    Whole(Box<SamlSp>),
    /// Its metadata is fetched.
    Fetched(Box<FetchedSp>),
}

/// A section that names the address of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedSp {
    new: NewSp,
    url: String,
    sha256: Option<String>,
}

/// How it stands with a declared service provider.
#[derive(Debug)]
pub(super) enum Standing {
    /// It is answered.
    Counts(Box<SamlSp>),
    /// Nobody is.
    Waits {
        /// Its section.
        section: Box<FetchedSp>,
        /// Why.
        why: String,
    },
}

impl DeclaredSp {
    /// What it is called here.
    #[must_use]
    pub fn name(&self) -> &SpName {
        match self {
            Self::Whole(sp) => &sp.name,
            Self::Fetched(section) => section.name(),
        }
    }

    /// What it calls itself by, as far as the configuration says it.
    #[must_use]
    pub fn entity_id(&self) -> Option<&str> {
        match self {
            Self::Whole(sp) => Some(&sp.entity_id),
            Self::Fetched(section) => section.new.entity_id.as_deref(),
        }
    }
}

impl FetchedSp {
    /// The section that says this; what it asks for first, if it says that, by its SHA-256.
    ///
    /// # Errors
    /// When it names no address, says a thing twice, or could not be whatever is fetched.
    pub fn new(new: NewSp, sha256: Option<String>) -> Result<Self, AdminError> {
        new.single()?;
        let url = new.url.clone().ok_or_else(|| AdminError::NotNow {
            what: "it names no address of metadata".to_owned(),
            remedy: "set metadata_url".to_owned(),
        })?;
        if new.acs.is_some() {
            return Err(AdminError::NotNow {
                what: "an address for responses beside metadata cannot be".to_owned(),
                remedy: "take `acs` out: responses go where its metadata says".to_owned(),
            });
        }
        new.could_be()?;
        Ok(Self { new, url, sha256 })
    }

    /// What it is called here.
    #[must_use]
    pub fn name(&self) -> &SpName {
        &self.new.name
    }

    /// What is said of it.
    #[must_use]
    pub fn said(&self) -> &NewSp {
        &self.new
    }

    /// Where its metadata is fetched from.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the first has to be, by its SHA-256.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The service provider, by the first metadata that came from its address.
    pub(super) fn first(&self, text: String, now: Timestamp) -> Result<SamlSp, AdminError> {
        if let Some(wanted) = &self.sha256 {
            let found = digest(&text);
            // Of what is too long a part is kept, and it is the digest of that which is told.
            let kept =
                || fitting(text.clone(), self.new.entity_id.as_deref()).is_ok_and(|kept| digest(&kept) == *wanted);
            if found != *wanted && !kept() {
                return Err(AdminError::NotNow {
                    what: format!("what is published has the SHA-256 {found}, and its section asks for {wanted}"),
                    remedy: "ask those who run the application which it should be; then set metadata_sha256 to that"
                        .to_owned(),
                });
            }
        }
        let sp = self.new.begin(Some(text), now)?;
        let read = SpMetadata::read(&sp.metadata, Some(&sp.entity_id))?;
        match read.valid_until().filter(|end| expired(*end, now)) {
            None => Ok(sp),
            Some(end) => Err(AdminError::NotNow {
                what: format!("what was fetched was valid until {end:.0}"),
                remedy: "have the application publish metadata that is valid".to_owned(),
            }),
        }
    }

    /// What is written down of `sp`, which came of this section.
    pub(super) fn pin(&self, sp: &SamlSp) -> SpPin {
        SpPin {
            name: sp.name.clone(),
            url: self.url.clone(),
            sha256: self.sha256.clone(),
            entity_id: sp.entity_id.clone(),
            metadata: sp.metadata.clone(),
            waiting: sp.waiting.clone(),
            created: sp.created,
            updated: sp.updated,
        }
    }

    /// What of `pin` counts for this section, if it is of this application.
    fn counting(&self, pin: &SpPin) -> Option<SpPin> {
        let is_meant = |pin: &SpPin| self.new.entity_id.as_ref().is_none_or(|said| *said == pin.entity_id);
        self.asked_for(pin).filter(is_meant)
    }

    /// What of `pin` the section asks for. What waits is confirmed by a section that asks for it.
    fn asked_for(&self, pin: &SpPin) -> Option<SpPin> {
        if pin.url != self.url {
            return None;
        }
        let Some(wanted) = self.sha256.as_ref().filter(|wanted| pin.sha256.as_ref() != Some(wanted)) else {
            return Some(pin.clone());
        };
        if digest(&pin.metadata) == *wanted {
            return Some(pin.clone());
        }
        let waiting = pin.waiting.as_ref().filter(|waiting| waiting.digest == *wanted)?;
        let read = SpMetadata::read(&waiting.metadata, Some(&pin.entity_id));
        let read = read.or_else(|_| SpMetadata::read(&waiting.metadata, None)).ok()?;
        let (entity_id, metadata) = (read.entity_id().to_owned(), waiting.metadata.clone());
        Some(SpPin { entity_id, metadata, waiting: None, ..pin.clone() })
    }

    /// The service provider, by what is pinned.
    ///
    /// # Errors
    /// When its section does not go with that.
    pub(super) fn by(&self, pin: &SpPin) -> Result<SamlSp, AdminError> {
        Self::of(self.new.clone(), pin)
    }

    /// The same with nothing that the section says of it besides: what newer metadata is held against where that does not go with what is
    /// pinned.
    ///
    /// # Errors
    /// When what is pinned cannot be read any more.
    pub(super) fn bare(&self, pin: &SpPin) -> Result<SamlSp, AdminError> {
        Self::of(
            NewSp { preset: None, values: BTreeMap::new(), settings: SpSettings::default(), ..self.new.clone() },
            pin,
        )
    }

    fn of(new: NewSp, pin: &SpPin) -> Result<SamlSp, AdminError> {
        // Where the section leaves it open which one is meant, it is the one that was pinned.
        let entity_id = new.entity_id.clone().or_else(|| Some(pin.entity_id.clone()));
        let new = NewSp { entity_id, ..new };
        let sp = new.begin(Some(pin.metadata.clone()), pin.created)?;
        Ok(SamlSp { waiting: pin.waiting.clone(), updated: pin.updated, ..sp })
    }
}

/// What the configuration declares, and what counts of that, at one moment.
pub(super) struct Declarations {
    all: Vec<DeclaredSp>,
    pins: BTreeMap<SpName, Read<SpPin>>,
    /// What of the pins counts for their sections.
    counting: BTreeMap<SpName, SpPin>,
    /// Where in `all` whoever calls itself so stands: of those whose metadata is beside them first, then of what is pinned, in the order
    /// of the file.
    owners: HashMap<String, usize>,
}

impl Declarations {
    fn new(all: Vec<DeclaredSp>, pins: BTreeMap<SpName, Read<SpPin>>) -> Self {
        let counts = |declared: &DeclaredSp| match declared {
            DeclaredSp::Whole(_) => None,
            DeclaredSp::Fetched(section) => section.counting(&pins.get(section.name())?.value),
        };
        let counting: BTreeMap<_, _> =
            all.iter().filter_map(|declared| Some((declared.name().clone(), counts(declared)?))).collect();
        let mut owners = HashMap::new();
        let whole = |(at, declared): (usize, &DeclaredSp)| match declared {
            DeclaredSp::Whole(sp) => Some((sp.entity_id.clone(), at)),
            DeclaredSp::Fetched(_) => None,
        };
        let pinned =
            |(at, declared): (usize, &DeclaredSp)| Some((counting.get(declared.name())?.entity_id.clone(), at));
        for (entity_id, at) in all.iter().enumerate().filter_map(whole).chain(all.iter().enumerate().filter_map(pinned))
        {
            owners.entry(entity_id).or_insert(at);
        }
        Self { all, pins, counting, owners }
    }

    /// The one of this name, as the configuration has it.
    pub(super) fn section(&self, name: &SpName) -> Option<&DeclaredSp> {
        self.all.iter().find(|declared| declared.name() == name)
    }

    /// The row of what is pinned of it, whether it counts or not.
    pub(super) fn row(&self, name: &SpName) -> Option<&Read<SpPin>> {
        self.pins.get(name)
    }

    /// The sections whose metadata is fetched.
    pub(super) fn fetched(&self) -> impl Iterator<Item = &FetchedSp> {
        self.all.iter().filter_map(|declared| match declared {
            DeclaredSp::Whole(_) => None,
            DeclaredSp::Fetched(section) => Some(&**section),
        })
    }

    /// How it stands with the one of this name.
    pub(super) fn named(&self, name: &SpName) -> Option<Standing> {
        self.section(name).map(|declared| self.standing(declared))
    }

    /// How it stands with all of them.
    pub(super) fn standings(&self) -> Vec<Standing> {
        self.all.iter().map(|declared| self.standing(declared)).collect()
    }

    /// The one that is answered if it calls itself so.
    pub(super) fn called(&self, entity_id: &str) -> Option<SamlSp> {
        let named = self.owner(entity_id)?;
        match self.standing(named) {
            Standing::Counts(sp) => Some(*sp),
            Standing::Waits { .. } => None,
        }
    }

    /// Whether the configuration takes the place of `stored`.
    pub(super) fn hides(&self, stored: &SamlSp) -> bool {
        self.section(&stored.name).is_some() || self.owner(&stored.entity_id).is_some()
    }

    /// Refuses `sp` if another one that is declared calls itself the same: whose request it is would be anybody's guess.
    pub(super) fn must_be_alone(&self, sp: &SamlSp) -> Result<(), AdminError> {
        match self.owner(&sp.entity_id).filter(|other| *other.name() != sp.name) {
            None => Ok(()),
            Some(other) => Err(super::twin(other.name(), &sp.entity_id)),
        }
    }

    /// Whose name that is.
    fn owner(&self, entity_id: &str) -> Option<&DeclaredSp> {
        self.owners.get(entity_id).and_then(|at| self.all.get(*at))
    }

    /// What is pinned of a section and counts for it.
    pub(super) fn pinned(&self, section: &FetchedSp) -> Option<&SpPin> {
        self.counting.get(section.name())
    }

    fn standing(&self, declared: &DeclaredSp) -> Standing {
        let section = match declared {
            DeclaredSp::Whole(sp) => return Standing::Counts(sp.clone()),
            DeclaredSp::Fetched(section) => section,
        };
        let waits = |why: String| Standing::Waits { section: section.clone(), why };
        let Some(pin) = self.pinned(section) else {
            return waits(format!("it waits for its metadata, which is fetched from {}", printable(&section.url)));
        };
        match section.by(pin) {
            Err(error) => waits(format!("its metadata and its section do not go together: {error}")),
            Ok(sp) => match self.must_be_alone(&sp) {
                Err(error) => waits(error.to_string()),
                Ok(()) => Standing::Counts(Box::new(sp)),
            },
        }
    }
}

impl Admin {
    /// What the configuration declares now. Blocks.
    pub(super) fn declarations(&self, snapshot: &dyn Snapshot) -> Result<Declarations, StoreError> {
        let all = self.declared_sps.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut pins = BTreeMap::new();
        for declared in &all {
            let DeclaredSp::Fetched(section) = declared else { continue };
            if let Some(pin) = saml::pin(snapshot, section.name())? {
                pins.insert(section.name().clone(), pin);
            }
        }
        Ok(Declarations::new(all, pins))
    }
}
