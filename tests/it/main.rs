//! What a user of Bailey relies on, tried from outside.

#![cfg(test)]

mod cli_frame;
mod config_files;
mod golden;
