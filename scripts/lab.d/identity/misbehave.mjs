// Endpoints that answer what real ones answer to errors, or mean harm: the tenant's name says which.
// Entra's own words: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes", and threads.
const APP = "'12345678-90ab-cdef-1234-567890abcdef'"
const TEXTS = {
  7000215: `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app ${APP}.`,
  7000222: `The provided client secret keys for app ${APP} are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
  700016: `Application with identifier ${APP} was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.`,
  7000112: `Application ${APP}(relayhost) is disabled.`,
  90002: "Tenant 'aadsts90002.example.com' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
  700027: 'Client assertion contains an invalid signature. [Reason - The key was not found.]',
  700025: "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
  7000218: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  70000: "Provided grant is invalid or malformed.",
  700082: 'The refresh token has expired due to inactivity. The token was issued on 2026-08-01T07:00:00.0000000Z and was inactive for 90.00:00:00.',
  700084: "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.",
  9002327: "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
  70043: 'The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.',
  50173: 'The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.',
  50076: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
  50079: "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
  53003: 'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
  530032: 'The tenant admin has configured a security policy that blocks this request.',
  530035: 'Access has been blocked by security defaults.',
  65001: `The user or administrator has not consented to use the application with ID ${APP} named 'relayhost'. Send an interactive authorization request for this user and resource.`,
  500011: "The resource principal named https://outlook.office365.com was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
  70011: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.",
  9001023: 'The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.',
  90055: 'The request has been throttled.',
  50196: 'The server terminated an operation because it encountered a client request loop. Please contact your app vendor.',
  70018: 'Invalid verification code due to User typing in wrong user code for device code flow.',
  70019: 'Verification code expired.',
}
// The error of RFC 6749 that each comes with; the others come with invalid_client, HTTP 401.
const ERRORS = {
  invalid_grant: [70000, 700082, 700084, 70043, 50173, 50076, 50079, 53003, 530032, 530035, 65001, 70018],
  invalid_request: [90002, 9002327, 9001023, 90055, 50196],
  unauthorized_client: [700016], invalid_resource: [500011], invalid_scope: [70011], expired_token: [70019],
}

function refuse(response, number) {
  const error = Object.keys(ERRORS).find((error) => ERRORS[error].includes(number)) ?? 'invalid_client'
  response.writeHead(number === 90055 ? 429 : error === 'invalid_client' ? 401 : 400, { 'content-type': 'application/json' })
  response.end(JSON.stringify({
    error,
    error_description: `AADSTS${number}: ${TEXTS[number]} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-11-28 12:00:00Z`,
    error_codes: [number], timestamp: '2026-11-28 12:00:00Z', trace_id: '0', correlation_id: '0',
  }))
  return true
}

const asked = []

// Whether this path misbehaves; if so, it has answered.
export function misbehave(path, response, body) {
  const tenant = /^\/([a-z]+)(\d*)\.example\.com\//.exec(path)
  const [what, number] = tenant ? tenant.slice(1) : []
  const head = (status, type = 'application/json', more = {}) => response.writeHead(status, { 'content-type': type, ...more })
  switch (what) {
    case 'aadsts': return refuse(response, Number(number))
    // A person logs in, and the refresh token is no longer good, or the application is a single-page application.
    case 'ends': return body.includes('grant_type=refresh_token') && refuse(response, Number(number))
    case 'spa': return body.includes('grant_type=authorization_code') && refuse(response, 9002327)
    case 'long': head(200); response.end(JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: 'x'.repeat(16384) })); return true
    case 'slow': return true
    // Logins by a code: the person does not come, says no, or relayhost asks too fast; each as the tenant's name has it.
    case 'unheard':
    case 'declines':
    case 'toofast': {
      const waits = (error, more = {}) => { head(400); response.end(JSON.stringify({ error, ...more })) }
      const [, code] = /device_code=([^&]*)/.exec(body) ?? []
      if (path.endsWith('/devicecode')) {
        head(200)
        response.end(JSON.stringify({ user_code: 'HGJ9XKQT3', device_code: `lab-${what}-device`, verification_uri: 'https://microsoft.com/devicelogin', expires_in: 4, interval: 1, message: 'To sign in' }))
      } else if (what === 'unheard') waits('authorization_pending', { error_codes: [70016] })
      else if (what === 'declines') waits('authorization_declined', { error_description: `AADSTS65004: User declined to consent; ${code}` })
      else { asked.push(Date.now()); waits('slow_down', { error_description: `asked ${asked.length}` }) }
      return true
    }
    case 'endless': {
      head(200)
      const more = () => { while (response.write('x'.repeat(65536))); response.once('drain', more) }
      more()
      return true
    }
    case 'large': head(200); response.end('{"access_token":"' + 'x'.repeat(100 * 1024 * 1024) + '"}'); return true
    case 'nojson': head(200, 'text/html'); response.end('<html>Sign in to the hotel</html>'); return true
    case 'elsewhere': head(307, 'text/html', { location: 'https://relay.lab.test/' }); response.end(); return true
    case 'graph': {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
      head(200)
      response.end(JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: `${part({ alg: 'RS256' })}.${part({ aud: 'https://graph.microsoft.com' })}.c2ln` }))
      return true
    }
    case 'clock':
      head(401, 'application/json', { date: new Date(Date.now() - 600_000).toUTCString() })
      response.end(JSON.stringify({ error: 'invalid_client', error_description: 'AADSTS700024: Client assertion is not within its valid time range.', error_codes: [700024] }))
      return true
    default: return false
  }
}
