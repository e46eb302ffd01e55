//! What a person has to do to log in, and how that ended.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::screen::Screen;
use crate::error::shown;
use crate::model::ended::{Certified, LoggedIn};
use crate::model::oauth::person::Invitation;
use crate::model::text;

/// Shows the address and the code to type there; on a terminal also as a picture for the camera of a telephone.
pub fn invite(screen: &Screen, invitation: &Invitation) {
    let Invitation { address, complete, code, life, .. } = invitation;
    screen.invitation(invitation);
    screen.line("", "Open this address in a browser, on any device, and type the code:");
    screen.write("\n");
    screen.field("address", address);
    screen.field("code", code);
    screen.write("\n");
    let target = complete.as_ref().unwrap_or(address);
    if let Some(picture) = picture(screen, target) {
        screen.file(&picture);
        screen.write("\n");
    }
    screen.line("", &format!("The code ends in {} minutes. Ctrl-C gives up.", life.as_secs().div_ceil(60)));
    screen.write("\n");
}

/// Shows the page to log in at. The address is one line, so that it can be copied.
pub fn visit(screen: &Screen, address: &str) {
    screen.line("", "Open this address in a browser, on any device, and log in as the mailbox's owner:");
    screen.write(&format!("\n{}\n\n", text::one_line(address)));
    screen.line("", "The browser then goes to an address that begins with http://localhost and cannot be opened: that is as it should be. Copy this whole address from its address bar, and paste it here.");
}

/// A QR code of an address, if the terminal shows its letters and is wide enough.
fn picture(screen: &Screen, address: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let fits = code.width() + 10 <= screen.terminal.width;
    (screen.terminal.shows_blocks() && fits).then(|| {
        // Dark letters on a dark terminal: the light modules are what is drawn.
        code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
    })
}

/// Shows that somebody has logged in.
pub fn logged_in(screen: &Screen, end: &LoggedIn) {
    screen.line("", &end.text());
    if let Some(note) = end.note() {
        screen.line("", &note);
    }
    if let Some(next) = end.next() {
        screen.line("", &format!("next: {next}"));
    }
}

/// Shows the certificate that was made, and where it goes.
pub fn certified(screen: &Screen, made: &Certified) {
    screen.line("", &format!("made: {} (0600, root's): the certificate and its key", shown(&made.pair)));
    screen.line("", &format!("made: {}: the certificate alone, to upload", shown(&made.public)));
    screen.field("SHA-1", &made.sha1);
    screen.field("SHA-256", &made.sha256);
    screen.field("ends", &made.ends);
    for line in made.next() {
        screen.line("", &line);
    }
}
