//! Reading columns that anyone may have written.
