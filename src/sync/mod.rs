//! Turns a directory's drift into safe changes of the model.

pub mod settings;
