// Endpoints that answer what real ones answer to errors, or mean harm: the tenant's name says which.
const TEXTS = {
  7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '12345678-90ab-cdef-1234-567890abcdef'.",
  7000222: "The provided client secret keys for app '12345678-90ab-cdef-1234-567890abcdef' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  700016: "Application with identifier '12345678-90ab-cdef-1234-567890abcdef' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
  90002: "Tenant 'aadsts90002.example.com' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
  700027: 'Client assertion contains an invalid signature. [Reason - The key was not found.]',
  53003: 'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
  90055: 'The request has been throttled.',
}

const asked = []

// Whether this path misbehaves; if so, it has answered.
export function misbehave(path, response, body) {
  const tenant = /^\/([a-z]+)(\d*)\.example\.com\//.exec(path)
  const [what, number] = tenant ? tenant.slice(1) : []
  const head = (status, type = 'application/json', more = {}) => response.writeHead(status, { 'content-type': type, ...more })
  switch (what) {
    case 'aadsts':
      head(number === '90055' ? 429 : number === '700016' || number === '90002' ? 400 : 401)
      response.end(JSON.stringify({
        error: 'invalid_client',
        error_description: `AADSTS${number}: ${TEXTS[number]} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-11-28 12:00:00Z`,
        error_codes: [Number(number)], timestamp: '2026-11-28 12:00:00Z', trace_id: '0', correlation_id: '0',
      }))
      return true
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
