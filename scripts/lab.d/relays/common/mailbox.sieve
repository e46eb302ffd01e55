# Where the mailbox puts a message, by its recipient.
require ["copy", "editheader", "envelope", "fileinto"];
if envelope :localpart "to" "junk" {
  addheader "X-Spam-Status" "Yes, score=7.1 required=5.0 tests=LAB_RULE";
  fileinto "Junk";
  stop;
}
# As most receivers do with what DMARC does not bear out.
if header :contains "Authentication-Results" "dmarc=fail" {
  fileinto "Junk";
  stop;
}
if envelope :localpart "to" "never" {
  discard;
  stop;
}
if envelope :localpart "to" "rule" {
  fileinto "Prüfung";
  stop;
}
if envelope :localpart "to" "twice" {
  fileinto :copy "Junk";
}
