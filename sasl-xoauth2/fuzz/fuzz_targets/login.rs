//! One login, as Cyrus SASL would have it made, by programs and servers of any kind: callbacks that are missing, fail or
//! give nothing, names and passwords of any octets, no memory, challenges of any octets and length, more steps than there
//! should be. The message is what the mechanism says, or there is none; a token is erased before its memory is given back;
//! every block is given back once, and nothing else is.
#![no_main]

#[path = "../../src/cyrus.rs"]
mod cyrus;
#[path = "../../src/message.rs"]
mod message;
#[path = "../../src/plugin.rs"]
mod plugin;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::{mem, ptr, slice};

use cyrus::{
    BADAUTH, CB_AUTHNAME, CB_PASS, CONTINUE, Callback, ClientParams, ClientPlug, GetSecret, GetSimple, OK,
    OutParams, Secret, Utils,
};
use libfuzzer_sys::fuzz_target;
use message::{is_token, is_user};

/// The program that logs in.
#[derive(Default)]
struct Program {
    /// What the callbacks return: 0 is OK.
    statuses: [c_int; 3],
    /// The name, a C string; `None` gives a null pointer.
    name: Option<Vec<u8>>,
    /// The password in a `Secret`: its length, then its octets.
    secret: Option<Vec<u64>>,
    /// How many blocks there is memory for.
    memory: u8,
    /// The blocks that are out, with their lengths.
    blocks: BTreeMap<usize, usize>,
    /// What was logged.
    lines: usize,
}

thread_local!(static PROGRAM: RefCell<Program> = RefCell::default());

unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    PROGRAM.with_borrow_mut(|program| {
        if program.memory == 0 {
            return ptr::null_mut();
        }
        program.memory -= 1;
        let block = Box::leak(vec![0xaa_u64; size.div_ceil(8)].into_boxed_slice());
        let block: *mut c_void = block.as_mut_ptr().cast();
        program.blocks.insert(block as usize, size);
        block
    })
}

unsafe extern "C" fn free(block: *mut c_void) {
    PROGRAM.with_borrow_mut(|program| {
        let size = program.blocks.remove(&(block as usize)).expect("a block that is not out");
        // SAFETY: `malloc` made it of this size.
        let octets =
            unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(block.cast::<u64>(), size.div_ceil(8))) };
        // The state of a login goes last, and has no token.
        if !program.blocks.is_empty() {
            // SAFETY: `size` octets are in it.
            let octets = unsafe { slice::from_raw_parts(octets.as_ptr().cast::<u8>(), size) };
            assert!(octets.iter().all(|octet| *octet == 0), "a message was not erased");
        }
    });
}

unsafe extern "C" fn erase(at: *mut c_char, length: c_uint) {
    // SAFETY: the plugin says that so many octets are there; the address sanitizer looks.
    unsafe { at.write_bytes(0, length as usize) };
}

unsafe extern "C" fn name(_: *mut c_void, id: c_int, name: *mut *const c_char, length: *mut c_uint) -> c_int {
    assert_eq!(id, CB_AUTHNAME);
    assert!(length.is_null());
    PROGRAM.with_borrow(|program| {
        let given = program.name.as_ref().map_or(ptr::null(), |name| name.as_ptr().cast());
        // SAFETY: a variable of the plugin.
        unsafe { name.write(given) };
        program.statuses[1]
    })
}

unsafe extern "C" fn password(
    _: *mut c_void,
    _: *mut c_void,
    id: c_int,
    secret: *mut *const Secret,
) -> c_int {
    assert_eq!(id, CB_PASS);
    PROGRAM.with_borrow(|program| {
        let given = program.secret.as_ref().map_or(ptr::null(), |secret| secret.as_ptr().cast());
        // SAFETY: a variable of the plugin.
        unsafe { secret.write(given) };
        program.statuses[2]
    })
}

unsafe extern "C" fn callback(
    _: *mut c_void,
    id: c_ulong,
    function: *mut Option<Callback>,
    context: *mut *mut c_void,
) -> c_int {
    let status = PROGRAM.with_borrow(|program| program.statuses[0]);
    // SAFETY: functions of the kinds that sasl.h has for these ids; the plugin makes them that again.
    let found = unsafe {
        match c_int::try_from(id) {
            _ if status == 9 => None,
            Ok(CB_AUTHNAME) => Some(mem::transmute::<GetSimple, Callback>(name)),
            Ok(CB_PASS) => Some(mem::transmute::<GetSecret, Callback>(password)),
            _ => None,
        }
    };
    // SAFETY: variables of the plugin.
    unsafe {
        function.write(found);
        context.write(ptr::null_mut());
    }
    if status == 9 { OK } else { status }
}

unsafe extern "C" fn canon_user(
    _: *mut c_void,
    name: *const c_char,
    length: c_uint,
    flags: c_uint,
    _: *mut OutParams,
) -> c_int {
    assert_eq!(flags, 3);
    // SAFETY: the plugin says that so many octets are there.
    assert!(is_user(unsafe { slice::from_raw_parts(name.cast(), length as usize) }));
    OK
}

unsafe extern "C" {
    /// For `log`: takes any arguments, and does nothing with them.
    fn snprintf(to: *mut c_char, size: usize, format: *const c_char, ...) -> c_int;
}

/// As Cyrus SASL's `log`. Rust cannot define a function with any number of arguments; the plugin gives one for the format.
unsafe extern "C" fn log(_: *mut c_void, level: c_int, format: *const c_char, text: *const c_char) {
    assert_eq!(level, cyrus::LOG_FAIL);
    let mut line = [0 as c_char; 4096];
    // SAFETY: a format with one `%s`, and a C string.
    let length = unsafe { snprintf(line.as_mut_ptr(), line.len(), format, text) };
    assert!((1..2048).contains(&length));
    PROGRAM.with_borrow_mut(|program| program.lines += 1);
}

/// Takes a part of the input: its length in two octets, then the part.
fn part<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return mem::take(input) };
    let (part, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    *input = rest;
    part
}

fuzz_target!(|input: &[u8]| {
    let Some((head, mut input)) = input.split_first_chunk::<6>() else { return };
    let status = |octet: u8| if octet < 200 { 0 } else { c_int::from(octet) - 210 };
    let mut user: Vec<u8> = part(&mut input).iter().copied().take_while(|octet| *octet != 0).collect();
    let given = part(&mut input);
    // Most passwords of any octets are no token; half of the inputs are made to be one.
    let letters = b"ABCxyz012-._~+/";
    let token: Vec<u8> = if head[5] & 2 == 0 {
        given.to_vec()
    } else {
        given.iter().map(|octet| letters[usize::from(*octet) % letters.len()]).collect()
    };
    let (good_user, expected_user) = (is_user(&user), user.clone());
    user.push(0);
    let mut secret = vec![0_u64; 2 + token.len() / 8];
    secret[0] = token.len() as u64;
    // SAFETY: behind the length there is room for the octets.
    unsafe { secret.as_mut_ptr().add(1).cast::<u8>().copy_from_nonoverlapping(token.as_ptr(), token.len()) };
    let statuses = [status(head[0]), status(head[1]), status(head[2])];
    let is_there = [head[3] & 1 == 0, head[3] & 2 == 0];
    let memory = if head[4] < 16 { head[4] } else { 16 };
    PROGRAM.set(Program {
        statuses,
        name: is_there[0].then_some(user),
        secret: is_there[1].then_some(secret),
        memory,
        ..Program::default()
    });

    // SAFETY: everything below lives until the login is disposed of, and is used as saslplug.h says.
    unsafe {
        let mut utils: Utils = mem::zeroed();
        utils.malloc = Some(malloc);
        utils.free = Some(free);
        utils.erasebuffer = Some(erase);
        utils.getcallback = Some(callback);
        utils.log = mem::transmute::<
            Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_char, *const c_char)>,
            _,
        >(Some(log));
        let mut params: ClientParams = mem::zeroed();
        params.utils = &raw const utils;
        params.canon_user = if head[5] & 4 == 0 { Some(canon_user) } else { None };
        let (mut version, mut list, mut count) = (0, ptr::null::<ClientPlug>(), 0);
        assert_eq!(
            plugin::sasl_client_plug_init(
                &raw const utils,
                4,
                &raw mut version,
                &raw mut list,
                &raw mut count
            ),
            OK
        );
        assert_eq!((version, count), (4, 2));
        let plug = &*list.add(usize::from(head[5] & 1));
        let is_bearer = head[5] & 1 == 1;

        let mut context = ptr::null_mut();
        let made = plug.mech_new.unwrap()(plug.glob_context, &raw mut params, &raw mut context);
        assert_eq!(made == OK, memory > 0);
        if made == OK {
            let mut result: OutParams = mem::zeroed();
            let mut step = |input: *const u8, length: usize| {
                let (mut out, mut out_length) = (ptr::null(), 77);
                let status = plug.mech_step.unwrap()(
                    context,
                    &raw mut params,
                    input.cast(),
                    length as c_uint,
                    ptr::null_mut(),
                    &raw mut out,
                    &raw mut out_length,
                    &raw mut result,
                );
                let said = if out.is_null() {
                    Vec::new()
                } else {
                    slice::from_raw_parts(out.cast::<u8>(), out_length as usize).to_vec()
                };
                (status, said, result.doneflag)
            };
            let (status, said, done) = step(ptr::null(), 0);
            let is_good = statuses == [0; 3] && is_there == [true; 2] && good_user && is_token(&token);
            assert_eq!(status == CONTINUE, is_good && memory > 1 && head[5] & 4 == 0, "{status}");
            assert_eq!(done, 0);
            if status == CONTINUE {
                let user = String::from_utf8_lossy(&expected_user).replace('=', "=3D").replace(',', "=2C");
                let head = if is_bearer {
                    format!("n,a={user},")
                } else {
                    format!("user={}", String::from_utf8_lossy(&expected_user))
                };
                let expected = format!("{head}\x01auth=Bearer {}\x01\x01", String::from_utf8_lossy(&token));
                assert_eq!(String::from_utf8_lossy(&said), expected);
                let error = part(&mut input);
                let (status, said, done) =
                    step(if error.is_empty() { ptr::null() } else { error.as_ptr() }, error.len());
                assert_eq!((status, done), (OK, 1));
                assert_eq!(said, if is_bearer { &b"\x01"[..] } else { b"" });
                PROGRAM.with_borrow(|program| {
                    assert_eq!((program.lines, program.blocks.len()), (usize::from(!error.is_empty()), 1))
                });
                assert_eq!(step(ptr::null(), 0).0, cyrus::BADPROT);
            } else {
                assert!(said.is_empty());
                assert!(status != BADAUTH || !good_user || !is_token(&token) || statuses != [0; 3]);
            }
        }
        plug.mech_dispose.unwrap()(context, &raw const utils);
    }
    PROGRAM.with_borrow(|program| {
        assert!(program.blocks.is_empty(), "{} blocks are left", program.blocks.len())
    });
});
