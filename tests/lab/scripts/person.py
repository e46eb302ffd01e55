#!/usr/bin/python3
"""A person with a browser, who logs in at the identity provider: opens the address that standard input names, types the code that
it names, and a name, agrees to everything, and prints the address of http://localhost that the browser ends at, if it does.

person.py [NAME]"""
import html, http.cookiejar, os, re, ssl, sys, urllib.error, urllib.parse, urllib.request

BUNDLES = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/certs/ca-certificates.crt"]


class End(Exception):
    pass


class NotFurther(urllib.request.HTTPRedirectHandler):
    """Follows redirects as far as the provider."""

    def redirect_request(self, request, answer, code, message, headers, url):
        if url.startswith("http://localhost"):
            raise End(url)
        return super().redirect_request(request, answer, code, message, headers, url)


def main():
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sys.stdin.read())
    address = re.search(r"https://\S+", said)[0]
    code = re.search(r"^ *code +(\S+)", said, re.M)
    typed = {"user_code": code and code[1], "login": (sys.argv[1:] or ["alerts@example.com"])[0], "password": "any"}
    context = ssl.create_default_context(cafile=next(path for path in BUNDLES if os.path.exists(path)))
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(NotFurther, urllib.request.HTTPSHandler(context=context), jar)
    data = None
    for _ in range(12):
        page = browser.open(address, data, timeout=20)
        text = page.read().decode()
        form = re.search(r"<form[^>]*action=\"([^\"]*)\"(.*?)</form>", text, re.S)
        if not form:
            return
        fields = {}
        for field in re.findall(r"<input[^>]*>", form[2], re.S):
            name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
            if name:
                fields[name[1]] = html.unescape(value[1]) if value else typed.get(name[1]) or ""
        fields.update({name: value for name, value in typed.items() if name in fields and value and name != "user_code"})
        address = urllib.parse.urljoin(page.geturl(), html.unescape(form[1]))
        data = urllib.parse.urlencode(fields).encode()
    sys.exit("no end of forms")


try:
    main()
except End as end:
    print(end)
except urllib.error.HTTPError as error:
    sys.exit(f"{error}: {error.read().decode()[:2000]}")
