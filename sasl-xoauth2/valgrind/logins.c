/* Logins through the real libsasl2, as smtp(8) makes them (xsasl_cyrus_client.c), for valgrind: `logins DIRECTORY`, with the plugin
   in DIRECTORY. Names and tokens that are good and bad, errors of a server from none to 64 KB, with NUL; each login is dropped
   at each of its steps too. Ends with 0 if each has the result that it should have. The prototypes are those of sasl.h,
   which a machine without Cyrus SASL's development package does not have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sasl_conn sasl_conn_t;
typedef struct { unsigned long id; int (*proc)(void); void *context; } sasl_callback_t;
typedef struct { unsigned long len; unsigned char data[1]; } sasl_secret_t;
enum { OK = 0, CONTINUE = 1, BADAUTH = -13, LIST_END = 0, CB_LOG = 2, CB_GETPATH = 3, CB_AUTHNAME = 0x4002, CB_PASS = 0x4004 };
int sasl_client_init(const sasl_callback_t *);
int sasl_client_new(const char *, const char *, const char *, const char *, const sasl_callback_t *, unsigned, sasl_conn_t **);
int sasl_client_start(sasl_conn_t *, const char *, void **, const char **, unsigned *, const char **);
int sasl_client_step(sasl_conn_t *, const char *, unsigned, void **, const char **, unsigned *);
void sasl_dispose(sasl_conn_t **);
int sasl_client_done(void);

static const char *directory, *name;
static sasl_secret_t *secret;
static int logged;

static int getpath(void *context, const char **path) { (void)context; *path = directory; return OK; }
static int log_line(void *context, int level, const char *line) { (void)context; logged += level == 2 && strstr(line, "relayhost-sasl-xoauth2: ") != NULL; return OK; }
static int getname(void *context, int id, const char **result, unsigned *length) {
    (void)context;
    if (id != CB_AUTHNAME) return -7;
    *result = name;
    if (length) *length = strlen(name);
    return OK;
}
static int getpass(sasl_conn_t *conn, void *context, int id, sasl_secret_t **result) {
    (void)conn, (void)context;
    if (id != CB_PASS) return -7;
    *result = secret;
    return OK;
}

static int failed;
static void expect(int is_so, const char *what, int number) {
    if (!is_so) failed = 1, fprintf(stderr, "not so: %s (%d)\n", what, number);
}

static void login(const char *mechanism, const char *token, size_t length, const char *error, unsigned error_length, int is_good, int steps) {
    sasl_callback_t callbacks[] = {
        {CB_AUTHNAME, (int (*)(void))getname, NULL}, {CB_PASS, (int (*)(void))getpass, NULL}, {CB_LOG, (int (*)(void))log_line, NULL}, {LIST_END, NULL, NULL}};
    sasl_conn_t *conn = NULL;
    const char *out = NULL, *chosen = NULL;
    unsigned out_length = 0;
    secret = malloc(sizeof *secret + length);
    secret->len = length;
    memcpy(secret->data, token, length);
    logged = 0;
    expect(sasl_client_new("smtp", "relay.example.com", NULL, NULL, callbacks, 0, &conn) == OK, "new", 0);
    if (steps > 0) {
        int status = sasl_client_start(conn, mechanism, NULL, &out, &out_length, &chosen);
        expect(status == (is_good ? CONTINUE : BADAUTH), "start", status);
        expect(!is_good || (out_length > length && !memcmp(out + out_length - length - 2, token, length)), "message", out_length);
        expect(logged == !is_good, "log", logged);
        if (is_good && steps > 1) {
            status = sasl_client_step(conn, error, error_length, NULL, &out, &out_length);
            expect(status == OK, "step", status);
            expect(out_length == (strcmp(mechanism, "OAUTHBEARER") == 0), "answer", out_length);
            expect(logged == (error_length > 0), "error in the log", logged);
            if (steps > 2) expect(sasl_client_step(conn, error, error_length, NULL, &out, &out_length) < 0, "one step too many", 0);
        }
    }
    sasl_dispose(&conn);
    free(secret);
}

int main(int count, char **arguments) {
    static const char *mechanisms[] = {"XOAUTH2", "OAUTHBEARER"};
    static const size_t tokens[] = {1, 40, 1500, 65536}, errors[] = {0, 1, 90, 1024, 1025, 4096, 65536};
    static const char *names[] = {"alerts@example.com", "a,b=c", "", "a\001b", NULL};
    static sasl_callback_t global[] = {{CB_GETPATH, (int (*)(void))getpath, NULL}, {CB_LOG, (int (*)(void))log_line, NULL}, {LIST_END, NULL, NULL}};
    char *token = malloc(65536), *error = malloc(65536);
    int logins = 0;
    if (count != 2) return 2;
    directory = arguments[1];
    memset(token, 'x', 65536);
    expect(sasl_client_init(global) == OK, "init", 0);
    for (int m = 0; m < 2; m++)
        for (int n = 0; names[n]; n++)
            for (int t = 0; t < 4; t++)
                for (int e = 0; e < 7; e++)
                    for (int steps = 0; steps < 4; steps++, logins++) {
                        name = names[n];
                        memset(error, e % 2 ? 0 : '{', errors[e]);
                        login(mechanisms[m], token, tokens[t], error, errors[e], n < 2, steps);
                    }
    name = names[0];
    login("XOAUTH2", "no token", 8, NULL, 0, 0, 1);
    login("XOAUTH2", "", 0, NULL, 0, 0, 1);
    login("XOAUTH2", "nul\0inside", 10, NULL, 0, 0, 1);
    sasl_client_done();
    free(token), free(error);
    printf("%d logins\n", logins + 3);
    return failed;
}
