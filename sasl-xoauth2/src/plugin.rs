//! The functions that Cyrus SASL calls. It calls sasl_client_plug_init once, then for each login mech_new, mech_step once or
//! twice, and mech_dispose.

use core::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use core::{mem, ptr, slice};

use crate::cyrus::{
    BADAUTH, BADPARAM, BADPROT, BADVERS, CB_AUTHNAME, CB_PASS, CONTINUE, CU_BOTH, Callback, ClientParams,
    ClientPlug, FEATURES, GetSecret, GetSimple, LOG_FAIL, NOMEM, OK, OutParams, PLUG_VERSION, SECURITY_FLAGS,
    Secret, Utils,
};
use crate::message::{Mechanism, is_token, is_user, printable};

/// The mechanisms that a plugin offers. Cyrus SASL reads the list for as long as the library is loaded.
struct Plugins([ClientPlug; 2]);

// SAFETY: nobody writes to the list, and its pointers lead to constants.
unsafe impl Sync for Plugins {}

static PLUGINS: Plugins =
    Plugins([plugin(c"XOAUTH2", &Mechanism::Xoauth2), plugin(c"OAUTHBEARER", &Mechanism::Oauthbearer)]);

const fn plugin(name: &'static CStr, mechanism: &'static Mechanism) -> ClientPlug {
    ClientPlug {
        mech_name: name.as_ptr(),
        max_ssf: 0,
        security_flags: SECURITY_FLAGS,
        features: FEATURES,
        required_prompts: ptr::null(),
        glob_context: ptr::from_ref(mechanism).cast_mut().cast(),
        mech_new: Some(mech_new),
        mech_step: Some(mech_step),
        mech_dispose: Some(mech_dispose),
        not_offered: [None; 4],
    }
}

/// The entry of the library: hands over the list of mechanisms.
///
/// # Safety
/// As saslplug.h says of sasl_client_plug_init_t: the pointers lead to variables of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sasl_client_plug_init(
    _utils: *const Utils,
    newest: c_int,
    version: *mut c_int,
    list: *mut *const ClientPlug,
    count: *mut c_int,
) -> c_int {
    if newest < PLUG_VERSION {
        return BADVERS;
    }
    if version.is_null() || list.is_null() || count.is_null() {
        return BADPARAM;
    }
    // SAFETY: none is null, and each leads to a variable of the caller.
    unsafe {
        version.write(PLUG_VERSION);
        list.write(PLUGINS.0.as_ptr());
        count.write(2);
    }
    OK
}

/// The progress of a login: nothing was sent, the first message was, an error of the server was answered.
enum State {
    New,
    Sent,
    Refused,
}

/// One login, from mech_new to mech_dispose.
struct Login {
    mechanism: Mechanism,
    state: State,
    /// The first message; null before it is made, and after it was erased. Cyrus SASL reads it where it is.
    message: *mut u8,
    length: usize,
}

/// # Safety
/// Called by Cyrus SASL alone, with `glob_context` of the list.
unsafe extern "C" fn mech_new(
    mechanism: *mut c_void,
    params: *mut ClientParams,
    context: *mut *mut c_void,
) -> c_int {
    // SAFETY: Cyrus SASL's parameters and functions, or null, which as_ref() sees.
    let utils = unsafe { params.as_ref().and_then(|params| params.utils.as_ref()) };
    // SAFETY: it is a `Mechanism` of the list, or null.
    let mechanism = unsafe { mechanism.cast::<Mechanism>().as_ref() };
    let (Some(utils), Some(mechanism), false) = (utils, mechanism, context.is_null()) else {
        return BADPARAM;
    };
    let Some(login) = allocate::<Login>(utils, mem::size_of::<Login>()) else { return NOMEM };
    let new = Login { mechanism: *mechanism, state: State::New, message: ptr::null_mut(), length: 0 };
    // SAFETY: malloc(3) gives memory that is aligned for every type; `context` is a variable of the caller.
    unsafe {
        login.write(new);
        context.write(login.cast());
    }
    OK
}

/// # Safety
/// Called by Cyrus SASL alone, with what mech_new made, or null.
unsafe extern "C" fn mech_dispose(context: *mut c_void, utils: *const Utils) {
    // SAFETY: mech_new made it, and Cyrus SASL forgets it now; as_mut() and as_ref() see null.
    let (login, utils) = unsafe { (context.cast::<Login>().as_mut(), utils.as_ref()) };
    let (Some(login), Some(utils)) = (login, utils) else { return };
    login.erase(utils);
    release(utils, context);
}

/// # Safety
/// Called by Cyrus SASL alone, with what mech_new made; `input` has `input_length` octets, or is null.
unsafe extern "C" fn mech_step(
    context: *mut c_void,
    params: *mut ClientParams,
    input: *const c_char,
    input_length: c_uint,
    _prompts: *mut *mut c_void,
    output: *mut *const c_char,
    output_length: *mut c_uint,
    result: *mut OutParams,
) -> c_int {
    // SAFETY: mech_new made it, and it is used by one call at a time; as_mut() and as_ref() see null.
    let (login, params) = unsafe { (context.cast::<Login>().as_mut(), params.as_ref()) };
    let (Some(login), Some(params)) = (login, params) else { return BADPARAM };
    // SAFETY: Cyrus SASL's functions, or null.
    let Some(utils) = (unsafe { params.utils.as_ref() }) else { return BADPARAM };
    if output.is_null() || output_length.is_null() || result.is_null() {
        return BADPARAM;
    }
    let (status, octets, length) = match login.state {
        State::New => match login.begin(params, utils, result) {
            // Not done yet: then Cyrus SASL would refuse to look at an error of the server.
            Ok(()) => (CONTINUE, login.message.cast_const(), login.length),
            Err(status) => (status, ptr::null(), 0),
        },
        State::Sent => {
            let error = if input.is_null() {
                &[]
            } else {
                // SAFETY: it is not null, and Cyrus SASL says how many octets there are.
                unsafe { slice::from_raw_parts(input.cast::<u8>(), input_length as usize) }
            };
            let answer = login.refused(error, utils);
            // SAFETY: it is not null, and a variable of Cyrus SASL's.
            unsafe { (&raw mut (*result).doneflag).write(1) };
            (OK, answer.as_ptr(), answer.len())
        }
        State::Refused => (BADPROT, ptr::null(), 0),
    };
    // SAFETY: neither is null, and both are variables of Cyrus SASL's. A length fits, since tokens and names are bounded.
    unsafe {
        output.write(octets.cast());
        output_length.write(c_uint::try_from(length).unwrap_or(0));
    }
    status
}

impl Login {
    /// Asks the program for name and token, and makes the first message of them.
    fn begin(&mut self, params: &ClientParams, utils: &Utils, result: *mut OutParams) -> Result<(), c_int> {
        let (user, token) = (user(utils)?, token(utils)?);
        if !is_user(user) {
            log(
                utils,
                c"relayhost-sasl-xoauth2: there is no user name, or it has a control character%s",
                c"",
            );
            return Err(BADAUTH);
        }
        if !is_token(token) {
            log(utils, c"relayhost-sasl-xoauth2: the password is not an access token%s", c"");
            return Err(BADAUTH);
        }
        // 0 would stand for a C string, which the name is too.
        let length = c_uint::try_from(user.len()).unwrap_or(0);
        let canon_user = params.canon_user.ok_or(BADPARAM)?;
        // SAFETY: Cyrus SASL's own function on its own connection; it copies the name.
        let status = unsafe { canon_user(utils.conn, user.as_ptr().cast(), length, CU_BOTH, result) };
        if status != OK {
            return Err(status);
        }
        let octets = self.mechanism.first(user, token);
        let length = octets.clone().count();
        let room = allocate::<u8>(utils, length).ok_or(NOMEM)?;
        octets.enumerate().for_each(|(at, octet)| {
            // SAFETY: `room` has as many octets as the message, and `at` counts these.
            unsafe { room.add(at).write(octet) };
        });
        (self.message, self.length, self.state) = (room, length, State::Sent);
        // SAFETY: it is not null, and Cyrus SASL's; mech_step looked.
        let result = unsafe { &mut *result };
        // Not done, and there is no security layer.
        (result.doneflag, result.maxoutbuf, result.mech_ssf, result.param_version) = (0, 0, 0, 0);
        (result.encode_context, result.decode_context) = (ptr::null_mut(), ptr::null_mut());
        (result.encode, result.decode) = (None, None);
        Ok(())
    }

    /// Ends a login that the server has refused. Returns the answer that it waits for.
    fn refused(&mut self, error: &[u8], utils: &Utils) -> &'static [u8] {
        if !error.is_empty()
            && let Ok(text) = CStr::from_bytes_until_nul(&printable(error))
        {
            log(utils, c"relayhost-sasl-xoauth2: the server refuses the token: %s", text);
        }
        self.erase(utils);
        self.state = State::Refused;
        self.mechanism.last()
    }

    /// Erases and frees the message, which has the token.
    fn erase(&mut self, utils: &Utils) {
        let (message, length) =
            (mem::replace(&mut self.message, ptr::null_mut()), mem::take(&mut self.length));
        if message.is_null() {
            return;
        }
        if let (Some(erase), Ok(length)) = (utils.erasebuffer, c_uint::try_from(length)) {
            // SAFETY: the message has that many octets, and nobody reads it any more.
            unsafe { erase(message.cast(), length) };
        }
        release(utils, message.cast());
    }
}

/// Memory of Cyrus SASL's, of that many octets; `None` if there is none.
fn allocate<T>(utils: &Utils, size: usize) -> Option<*mut T> {
    // SAFETY: malloc(3), or what the program has in place of it.
    let memory = unsafe { utils.malloc?(size) };
    (!memory.is_null()).then_some(memory.cast())
}

fn release(utils: &Utils, memory: *mut c_void) {
    if let Some(free) = utils.free {
        // SAFETY: `allocate` returned it, and its user forgets it now.
        unsafe { free(memory) };
    }
}

/// A callback of the program, with its context.
fn callback(utils: &Utils, id: c_int) -> Result<(Callback, *mut c_void), c_int> {
    let (mut function, mut context) = (None, ptr::null_mut());
    let get = utils.getcallback.ok_or(BADPARAM)?;
    let id = c_ulong::try_from(id).unwrap_or(0);
    // SAFETY: Cyrus SASL's own function on its own connection, with two variables to write to.
    let status = unsafe { get(utils.conn, id, &raw mut function, &raw mut context) };
    // Without a function the program wants to be asked (SASL_INTERACT), and this plugin does not ask.
    if let (OK, Some(function)) = (status, function) { Ok((function, context)) } else { Err(BADPARAM) }
}

/// The name to log in as. It stays the program's. Not CB_USER: Postfix has that only with `send_cyrus_sasl_authzid`.
fn user(utils: &Utils) -> Result<&[u8], c_int> {
    let (function, context) = callback(utils, CB_AUTHNAME)?;
    let mut name = ptr::null();
    // SAFETY: the callback of this id is a sasl_getsimple_t (sasl.h); the length may be left out.
    let status = unsafe {
        let get = mem::transmute::<Callback, GetSimple>(function);
        get(context, CB_AUTHNAME, &raw mut name, ptr::null_mut())
    };
    match status {
        OK if name.is_null() => Err(BADPARAM),
        // SAFETY: it is not null, and a C string that the program keeps during the login.
        OK => Ok(unsafe { CStr::from_ptr(name) }.to_bytes()),
        status => Err(status),
    }
}

/// The access token. It stays the program's, and is neither changed nor freed.
fn token(utils: &Utils) -> Result<&[u8], c_int> {
    let (function, context) = callback(utils, CB_PASS)?;
    let mut secret = ptr::null::<Secret>();
    // SAFETY: the callback of this id is a sasl_getsecret_t (sasl.h).
    let status = unsafe {
        let get = mem::transmute::<Callback, GetSecret>(function);
        get(utils.conn, context, CB_PASS, &raw mut secret)
    };
    match status {
        OK if secret.is_null() => Err(BADPARAM),
        // SAFETY: it is not null, and `len` octets begin at `data`; the program keeps them during the login.
        OK => Ok(unsafe {
            let data = (&raw const (*secret).data).cast::<u8>();
            slice::from_raw_parts(data, usize::try_from((*secret).len).unwrap_or(0))
        }),
        status => Err(status),
    }
}

/// Logs a line. `format` has one `%s`.
fn log(utils: &Utils, format: &CStr, text: &CStr) {
    if let Some(log) = utils.log {
        // SAFETY: Cyrus SASL's own function, in the manner of printf(3); there is a string for each `%s`.
        unsafe { log(utils.conn, LOG_FAIL, format.as_ptr(), text.as_ptr()) };
    }
}
