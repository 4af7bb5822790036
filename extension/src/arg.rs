//! Arguments and results that pgrx has no fitting type for.

use pg_lora_core::Result as CoreResult;
use pg_lora_core::cost::Amount;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use pgrx::{direct_function_call, direct_function_call_as_datum};
use std::ffi::{CStr, CString};

/// A `jsonb` value as its text.
///
/// pgrx's own `JsonB` builds a tree on the way in, and panics on numbers beyond f64 and on depth over 128;
/// on the way out it would turn exact decimals into floats.
#[derive(Debug)]
pub(crate) struct JsonText(pub String);

impl FromDatum for JsonText {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the argument is declared jsonb, so the datum points to a jsonb; jsonb_out detoasts it and
        // answers a C string that lives until the end of the call's memory context.
        let text = unsafe { direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(datum)]) }?;
        Some(Self(text.to_string_lossy().into_owned()))
    }
}

impl IntoDatum for JsonText {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let text = CString::new(self.0).unwrap_or_else(|_| {
            // serde_json escapes U+0000, and core keeps it out of every text of an answer.
            unreachable!("JSON text holds no NUL byte")
        });
        // SAFETY: jsonb_in takes one C string, which outlives the call.
        unsafe { direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text.as_ptr().into())]) }
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the value is owned; unboxing goes through FromDatum above.
unsafe impl<'fcx> ArgAbi<'fcx> for JsonText {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller passes an argument that was declared as jsonb and is not NULL.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a strict function"))
    }
}

// SAFETY: boxes the datum of a freshly made jsonb.
unsafe impl BoxRet for JsonText {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: the datum was made by jsonb_in in the function's own memory context.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

// SAFETY: both directions are jsonb.
unsafe impl SqlTranslatable for JsonText {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(JsonText);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}

/// The bytes of a `text` value, in place.
///
/// A `&str` would have to be UTF-8, which no database promises whose encoding is SQL_ASCII.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextBytes<'a>(pub &'a [u8]);

// SAFETY: text and bytea are the same varlena; the slice lives as long as the call.
unsafe impl<'fcx> ArgAbi<'fcx> for TextBytes<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller passes an argument that was declared as text and is not NULL; reading it as
        // bytea detoasts it and looks at no byte.
        unsafe { arg.unbox_arg_using_from_datum::<&'fcx [u8]>() }
            .map(TextBytes)
            .unwrap_or_else(|| unreachable!("a strict function"))
    }
}

// SAFETY: only ever an argument, of type text.
unsafe impl SqlTranslatable for TextBytes<'_> {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(TextBytes);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("text"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("text")));
}

/// A `numeric` value, in place: what is added up in a million rows is not worth a text of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a>(pg_sys::Datum, std::marker::PhantomData<&'a ()>);

impl<'a> Decimal<'a> {
    /// As an amount. `name` is that of the argument, for the error.
    pub fn to_amount(self, name: &str) -> CoreResult<Amount> {
        self.digits()
            .and_then(|(negative, weight, digits)| Amount::from_base_10000(negative, weight, digits))
            .map_or_else(
                || {
                    // SAFETY: the datum is a numeric, as `ArgAbi` promises below, and not NULL.
                    let value = unsafe { pgrx::AnyNumeric::from_datum(self.0, false) };
                    // What is no amount is told by its text.
                    Amount::parse(&value.map(|value| value.to_string()).unwrap_or_default(), name)
                },
                Ok,
            )
    }

    /// Whether it is below 0, the weight of its first digit, and its digits to base 10,000; `None` for what is no number.
    ///
    /// The form on disk has been the same since Postgres 9.1 (`src/backend/utils/adt/numeric.c`): a header of 16 bits with the sign, and with
    /// the weight if there is room for it, else that in 16 bits more; then the digits.
    fn digits(self) -> Option<(bool, i32, impl Iterator<Item = u16> + 'a)> {
        // SAFETY: the datum is a numeric, as `ArgAbi` promises below, and lives as long as the call; reading it as bytea
        // detoasts it and looks at no byte.
        let bytes = unsafe { <&'a [u8]>::from_datum(self.0, false) }?;
        let word = |bytes: &[u8]| Some(u16::from_ne_bytes(*bytes.first_chunk()?));
        let header = word(bytes)?;
        let (negative, weight, digits) = match header & 0xC000 {
            0xC000 => return None,
            0x8000 => {
                let weight = i32::from(header & 0x003F) - i32::from(header & 0x0040);
                (header & 0x2000 != 0, weight, bytes.get(2..)?)
            }
            sign => {
                let weight = word(bytes.get(2..)?)?.cast_signed();
                (sign == 0x4000, i32::from(weight), bytes.get(4..)?)
            }
        };
        Some((negative, weight, digits.chunks_exact(2).filter_map(word)))
    }
}

impl FromDatum for Decimal<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum, std::marker::PhantomData))
    }
}

// SAFETY: nothing is read here.
unsafe impl<'fcx> ArgAbi<'fcx> for Decimal<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller passes an argument that was declared as numeric and is not NULL.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a strict function"))
    }
}

// SAFETY: only ever an argument, of type numeric.
unsafe impl SqlTranslatable for Decimal<'_> {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Decimal);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("numeric"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("numeric")));
}

/// A `text` value that is read only if somebody asks: as the argument of an aggregate, which is the same in each of a million rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LazyText<'a>(pg_sys::Datum, std::marker::PhantomData<&'a ()>);

impl<'a> LazyText<'a> {
    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        // SAFETY: the datum is a text, as `ArgAbi` promises below, and lives as long as the call; reading it as bytea detoasts it
        // and looks at no byte.
        unsafe { <&'a [u8]>::from_datum(self.0, false) }.unwrap_or_default()
    }
}

impl FromDatum for LazyText<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum, std::marker::PhantomData))
    }
}

// SAFETY: nothing is read here.
unsafe impl<'fcx> ArgAbi<'fcx> for LazyText<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller passes an argument that was declared as text and is not NULL.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a strict function"))
    }
}

// SAFETY: only ever an argument, of type text.
unsafe impl SqlTranslatable for LazyText<'_> {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(LazyText);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("text"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("text")));
}
