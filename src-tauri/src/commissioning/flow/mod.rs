//! The commissioning engine: steps, each with its own deadline, recorded and durable.
//!
//! A walk: [`run::Run`] drives the steps of [`step::Step`] over a [`talk::Talk`] · what happens
//! stands on a [`board::Board`] for the page and is kept by the [`desk::Desk`] · every failure
//! has a [`causes::Cause`].
//!
//! Deliberately not here: bytes of protocols (`esp`, `improv`), carriers (`radio`), the store.
//! To add a step: its name, its deadline, its causes, its work beside the others.

pub mod board;
pub mod causes;
mod claiming;
pub mod desk;
pub mod draft;
mod improv;
mod joining;
pub mod late;
pub mod left;
mod meshing;
mod namesakes;
mod opening;
pub mod pace;
mod peer;
mod people;
mod performing;
mod recording;
pub mod run;
pub mod secrets;
pub mod step;
pub mod talk;
pub mod trouble;
pub mod view;
