//! What every check of the answers needs: the answers, and the place of a value in an error.

use std::borrow::Borrow;
use std::ops::Range;

use toml::Spanned;

use super::Answers;
use super::values::{Checked, proxy_url};
use crate::error::{Complaint, Result};

/// The values of the answers; `values` checks single ones.
pub(super) struct Reader<'a> {
    pub(super) answers: &'a Answers,
}

impl Reader<'_> {
    /// The result of a check, with the place of the value, or without one if it is about the answers as a whole.
    pub(super) fn at<T>(&self, span: impl Into<Option<Range<usize>>>, checked: Checked<T>) -> Result<T> {
        checked.map_err(|Complaint { problem, remedy }| self.answers.error(span.into(), &problem, remedy))
    }

    /// The result of the check of one value.
    pub(super) fn of<T, V, U>(&self, value: &Spanned<T>, check: impl FnOnce(&V) -> Checked<U>) -> Result<U>
    where
        T: Borrow<V>,
        V: ?Sized,
    {
        self.at(value.span(), check(value.get_ref().borrow()))
    }

    /// The proxy that identity providers are asked through, if the answers name one.
    pub(super) fn proxy(&self) -> Result<Option<String>> {
        let proxy = self.answers.tables.network.proxy.as_ref();
        proxy.map(|value| self.of(value, proxy_url)).transpose()
    }
}
