// The lab's identity provider: oidc-provider, which is certified, under the names and paths of Microsoft and Google. It is
// configured here, and decides itself: clients, secrets, assertions, tokens. Only Google's grant (RFC 7523 §2.1), which it
// does not have, is added, with its own library for JWTs. Other paths of the same hosts answer what real ones answer to
// errors, word for word, or misbehave.
//   identity.mjs CERTIFICATE KEY CLIENT KEYS-DIRECTORY
// CLIENT is the certificate of the clients; the public key of the tokens is written to KEYS-DIRECTORY/ID.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import Provider from 'oidc-provider'
import { jwtVerify } from 'jose'
import { misbehave } from './misbehave.mjs'

const [certificate, key, client, keys] = process.argv.slice(2)
const CLIENT = '12345678-90ab-cdef-1234-567890abcdef'
const MAILBOX = 'alerts@example.com'
// The application that persons log in to.
const PERSON = 'fedcba98-90ab-cdef-1234-567890abcdef'
const SMTP = 'https://outlook.office.com'
const SERVICE_ACCOUNT = 'relayhost@lab.iam.gserviceaccount.com'

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
mkdirSync(keys, { recursive: true })
writeFileSync(`${keys}/lab`, pair.publicKey.export({ type: 'spki', format: 'pem' }))
const signing = { ...createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' }), kid: 'lab', alg: 'RS256', use: 'sig' }

// A life in seconds may be part of the tenant: 10-second.example.com; and so may the mailbox that its application sends for:
// odd1-sends.example.com.
const life = (tenant) => Number(/^(\d+)-second/.exec(tenant)?.[1] ?? 3599)
const mailbox = (tenant) => { const who = /([a-z0-9]+)-sends/.exec(tenant)?.[1]; return who ? `${who}@example.com` : MAILBOX }
const clientKey = createPublicKey(readFileSync(client))

// `person`: audience, scope and issuer of the tokens of a person (Dovecot tries the next passdb for another issuer only), and the paths that a login goes over.
function provider(issuer, path, audience, seconds, clients, person, upn = MAILBOX) {
  const server = (name, scope) => ({ audience: name, scope, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256', kid: 'lab' } } })
  const made = new Provider(issuer, {
    clients,
    jwks: { keys: [signing] },
    routes: { token: path, ...person.routes },
    scopes: [`${audience}/.default`, person.scope, 'offline_access'],
    clientDefaults: { grant_types: [], response_types: [], redirect_uris: [], scope: `${audience}/.default` },
    // As a person is known by no more than the name that was typed.
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ['lab'] },
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    enabledJWA: { clientAuthSigningAlgValues: ['PS256', 'RS256'] },
    extraTokenClaims: (_ctx, token) => (token.accountId ? { upn: token.accountId, scp: 'SMTP.Send' } : { upn, roles: ['SMTP.SendAsApp'] }),
    ttl: { ClientCredentials: seconds, AccessToken: seconds, RefreshToken: 7776000, DeviceCode: 900, Session: 3600, Interaction: 3600, Grant: 7776000 },
    // As Microsoft, and as Dovecot wants it: its own default is at+jwt (RFC 9068).
    formats: { customizers: { jwt: (_ctx, token, jwt) => { jwt.header = { ...jwt.header, typ: 'JWT' }; if (token.accountId) jwt.payload.iss = person.issuer } } },
    features: {
      // Whoever types a name is that person.
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, client, oneOf) => oneOf ?? (client.clientId === PERSON ? person.audience : audience),
        getResourceServerInfo: (_ctx, name) => (name === person.audience ? server(name, person.scope) : server(name, `${audience}/.default`)),
        useGrantedResource: () => true,
      },
    },
  })
  made.proxy = true
  made.use(async (ctx, next) => {
    await next()
    // Its own pause, 5 seconds, is for people.
    if (ctx.oidc?.route === 'device_authorization' && ctx.body?.device_code) ctx.body = { ...ctx.body, interval: 1 }
  })
  return made
}

const GRANT = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }
// A public client, as a person's.
const person = (scope, more = {}) => ({
  client_id: PERSON, application_type: 'native', token_endpoint_auth_method: 'none', scope: `${scope} offline_access`.trim(),
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  redirect_uris: ['http://localhost'], response_types: ['code'], ...more,
})

function microsoft(host, tenant) {
  const path = `/${tenant}/oauth2/v2.0/token`
  const secret = { ...GRANT, client_id: CLIENT, client_secret: 'lab~secret/with+odd=letters', token_endpoint_auth_method: 'client_secret_post' }
  const jwk = { ...clientKey.export({ format: 'jwk' }), use: 'sig' }
  const signed = { ...GRANT, client_id: 'abcdef00-90ab-cdef-1234-567890abcdef', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
  const at = (name) => `/${tenant}/oauth2/v2.0/${name}`
  const routes = { authorization: at('authorize'), device_authorization: at('devicecode'), code_verification: `/${tenant}/oauth2/deviceauth` }
  const scope = `${SMTP}/SMTP.Send`
  const made = provider(`https://${host}`, path, 'https://outlook.office365.com', life(tenant), [secret, signed, person(scope)], { audience: SMTP, scope, routes, issuer: 'https://sts.windows.net/lab/' }, mailbox(tenant))
  // Microsoft does not revoke a refresh token when it gives another; oidc-provider does, as others may.
  if (host !== 'identity.lab.test') made.RefreshToken.prototype.consume = async () => {}
  return made
}

function google() {
  const bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  const audience = 'https://mail.google.com'
  const account = { client_id: SERVICE_ACCOUNT, grant_types: [bearer], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'none' }
  const routes = { authorization: '/o/oauth2/v2/auth' }
  // Google's desktop applications have a secret, and no device flow for mail.
  const desktop = person('https://mail.google.com/', { token_endpoint_auth_method: 'client_secret_post', client_secret: 'lab~secret/with+odd=letters', grant_types: ['authorization_code', 'refresh_token'] })
  const made = provider('https://oauth2.googleapis.com', '/token', audience, 3599, [account, desktop], { audience: 'https://mail.google.com/', scope: 'https://mail.google.com/', routes, issuer: 'https://accounts.google.com' })
  made.registerGrantType(bearer, async (ctx) => {
    const { ClientCredentials } = made
    const verified = await jwtVerify(ctx.oidc.params.assertion, clientKey, {
      algorithms: ['RS256'], issuer: SERVICE_ACCOUNT, audience: 'https://oauth2.googleapis.com/token', maxTokenAge: '1h',
    }).catch(() => null)
    if (!verified || verified.payload.sub !== MAILBOX || verified.payload.scope !== 'https://mail.google.com/') {
      ctx.status = 400
      ctx.body = { error: 'invalid_grant', error_description: verified ? 'Invalid email or User ID' : 'Invalid JWT Signature.' }
      return
    }
    const token = new ClientCredentials({ client: ctx.oidc.client })
    token.resourceServer = new made.ResourceServer(audience, { audience, scope: '', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256', kid: 'lab' } } })
    ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: token.tokenType }
  }, ['assertion', 'scope'])
  return made
}

const known = new Map()
// The last tenant that was asked for, by host: the pages of a login do not name it.
const last = new Map()
function chosen(host, path) {
  const tenant = /^\/([^/]+)\/oauth2\//.exec(path)?.[1] ?? last.get(host)
  last.set(host, tenant)
  const name = /google/.test(host) ? 'google' : `${host}/${tenant}`
  if (!known.has(name)) known.set(name, name === 'google' ? google() : microsoft(host, tenant))
  return known.get(name)
}

// Google's question names no client: the assertion does.
function named(request, body) {
  const claims = /(?:^|&)assertion=[^.&]+\.([^.&]+)/.exec(body)?.[1]
  return claims ? `${body}&client_id=${encodeURIComponent(JSON.parse(Buffer.from(claims, 'base64url')).iss)}` : body
}

const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  const [host] = (request.headers.host ?? '').split(':')
  const path = request.url.split('?')[0]
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString()
    if (misbehave(path, response, body)) return
    request.body = named(request, body)
    // oidc-provider has no choice of accounts, and no refresh token without consent.
    request.url = request.url.replace('prompt=select_account', 'prompt=login%20consent')
    console.log(new Date().toISOString(), request.method, host, path)
    chosen(host, path).callback()(request, response)
  })
})
server.listen(443, () => console.log("ready"))
