//! The dictionary between the two vocabularies. Pure: no clock, no I/O, no logging, and total: any input gives an answer.

pub mod media;
