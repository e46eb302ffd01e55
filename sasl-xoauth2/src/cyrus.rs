//! The forms of sasl.h and saslplug.h, as Cyrus SASL 2.1.26 (EL7) to 2.1.28 have them. Members that are not used here
//! stand for their place alone.

use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

// Results (sasl.h). BADPARAM: a pointer or a callback is missing; BADAUTH: no login can be made with this name or
// password; BADPROT: the server did what the mechanism does not allow; BADVERS: the library is too old.
pub const OK: c_int = 0;
pub const CONTINUE: c_int = 1;
pub const NOMEM: c_int = -2;
pub const BADPROT: c_int = -5;
pub const BADPARAM: c_int = -7;
pub const BADAUTH: c_int = -13;
pub const BADVERS: c_int = -23;

/// SASL_CLIENT_PLUG_VERSION, the same from 2.1.0 on.
pub const PLUG_VERSION: c_int = 4;

// Callbacks: the name to log in as, the password.
pub const CB_AUTHNAME: c_int = 0x4002;
pub const CB_PASS: c_int = 0x4004;

/// SASL_CU_AUTHID and SASL_CU_AUTHZID: the name is both.
pub const CU_BOTH: c_uint = 1 | 2;
/// SASL_SEC_NOANONYMOUS and SASL_SEC_PASS_CREDENTIALS. With SASL_SEC_NOPLAINTEXT, Cyrus SASL from 2.1.27 on would
/// prefer this plugin to PLAIN and LOGIN, and a host whose options have `noplaintext` would use it.
pub const SECURITY_FLAGS: c_uint = 0x10 | 0x20;
/// SASL_FEAT_WANT_CLIENT_FIRST and SASL_FEAT_ALLOWS_PROXY.
pub const FEATURES: c_uint = 0x2 | 0x20;
/// SASL_LOG_FAIL, which Postfix logs without being asked for more (xsasl_cyrus_log.c).
pub const LOG_FAIL: c_int = 2;

/// A function that is not called here.
type Unused = Option<unsafe extern "C" fn()>;
/// A callback of the program before it is known which kind it is (sasl_callback_ft).
pub type Callback = unsafe extern "C" fn() -> c_int;
/// sasl_getsimple_t: a name.
pub type GetSimple = unsafe extern "C" fn(*mut c_void, c_int, *mut *const c_char, *mut c_uint) -> c_int;
/// sasl_getsecret_t: a password.
pub type GetSecret = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, *mut *const Secret) -> c_int;

/// sasl_secret_t. `len` octets begin at `data`.
#[repr(C)]
pub struct Secret {
    pub len: c_ulong,
    pub data: [u8; 1],
}

/// sasl_utils_t up to `log`, the last member that is used.
#[repr(C)]
pub struct Utils {
    pub version: c_int,
    pub conn: *mut c_void,
    /// rpool, getopt_context, getopt.
    pub before_malloc: [*mut c_void; 3],
    pub malloc: Option<unsafe extern "C" fn(usize) -> *mut c_void>,
    /// calloc, realloc.
    pub before_free: [Unused; 2],
    pub free: Option<unsafe extern "C" fn(*mut c_void)>,
    /// Four of mutexes, three of MD5, five of HMAC, then mkchal, utf8verify, rand, churn, checkpass, decode64, encode64.
    pub before_erase: [Unused; 19],
    pub erasebuffer: Option<unsafe extern "C" fn(*mut c_char, c_uint)>,
    /// getprop, setprop.
    pub before_callback: [Unused; 2],
    pub getcallback:
        Option<unsafe extern "C" fn(*mut c_void, c_ulong, *mut Option<Callback>, *mut *mut c_void) -> c_int>,
    pub log: Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_char, ...)>,
}

/// sasl_client_params_t up to `canon_user`, the last member that is used.
#[repr(C)]
pub struct ClientParams {
    /// service, serverFQDN, clientFQDN.
    pub names: [*const c_char; 3],
    pub utils: *const Utils,
    /// prompt_supp, iplocalport, ipremoteport.
    pub addresses: [*const c_void; 3],
    pub lengths: [c_uint; 5],
    /// sasl_security_properties_t: four numbers of 32 bits, two pointers.
    pub security: [*const c_void; 4],
    pub external_ssf: c_uint,
    /// gss_creds, cbinding, http_request, spare_ptr4.
    pub pointers: [*const c_void; 4],
    pub canon_user:
        Option<unsafe extern "C" fn(*mut c_void, *const c_char, c_uint, c_uint, *mut OutParams) -> c_int>,
}

/// sasl_out_params_t. `canon_user` sets the names.
#[repr(C)]
pub struct OutParams {
    pub doneflag: c_uint,
    pub names: [*const c_char; 2],
    pub lengths: [c_uint; 2],
    pub maxoutbuf: c_uint,
    pub mech_ssf: c_uint,
    pub encode_context: *mut c_void,
    pub encode: Unused,
    pub decode_context: *mut c_void,
    pub decode: Unused,
    /// client_creds, gss_peer_name, gss_local_name, cbindingname.
    pub pointers: [*const c_void; 4],
    pub spare_functions: [Unused; 2],
    pub numbers: [c_int; 4],
    pub param_version: c_int,
}

/// sasl_client_plug_t.
#[repr(C)]
pub struct ClientPlug {
    pub mech_name: *const c_char,
    pub max_ssf: c_uint,
    pub security_flags: c_uint,
    pub features: c_uint,
    pub required_prompts: *const c_ulong,
    pub glob_context: *mut c_void,
    pub mech_new: Option<unsafe extern "C" fn(*mut c_void, *mut ClientParams, *mut *mut c_void) -> c_int>,
    pub mech_step: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *mut ClientParams,
            *const c_char,
            c_uint,
            *mut *mut c_void,
            *mut *const c_char,
            *mut c_uint,
            *mut OutParams,
        ) -> c_int,
    >,
    pub mech_dispose: Option<unsafe extern "C" fn(*mut c_void, *const Utils)>,
    /// mech_free, idle, and two for later.
    pub not_offered: [Unused; 4],
}

/// The places of the members, as a C compiler makes them from the headers on x86-64: for no other are packages built.
const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(offset_of!(Utils, conn) == 8 && offset_of!(Utils, malloc) == 40 && offset_of!(Utils, free) == 64);
    assert!(offset_of!(Utils, erasebuffer) == 224 && offset_of!(Utils, getcallback) == 248);
    assert!(offset_of!(Utils, log) == 256);
    assert!(offset_of!(ClientParams, utils) == 24 && offset_of!(ClientParams, security) == 80);
    assert!(offset_of!(ClientParams, external_ssf) == 112 && offset_of!(ClientParams, canon_user) == 152);
    assert!(offset_of!(OutParams, maxoutbuf) == 32 && offset_of!(OutParams, mech_ssf) == 36);
    assert!(offset_of!(OutParams, encode) == 48 && offset_of!(OutParams, decode) == 64);
    assert!(offset_of!(OutParams, param_version) == 136 && size_of::<OutParams>() == 144);
    assert!(offset_of!(ClientPlug, required_prompts) == 24 && offset_of!(ClientPlug, mech_new) == 40);
    assert!(size_of::<ClientPlug>() == 96 && offset_of!(Secret, data) == 8);
};
