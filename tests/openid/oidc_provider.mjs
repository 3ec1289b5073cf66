// A real OpenID Connect provider (oidc-provider, certified) on the loopback interface. Settings come as JSON in PROVIDER:
// {"redirect_uri", "accounts": {login: claims}}. It prints its issuer once it listens.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const { default: Provider } = await import(pathToFileURL(process.env.OIDC_PROVIDER_MODULE));
const { redirect_uri, accounts } = JSON.parse(process.env.PROVIDER);
const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'bitewing', client_secret: 'a secret + with % signs', redirect_uris: [redirect_uri],
    grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'client_secret_basic',
  }],
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  features: { devInteractions: { enabled: true } },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...accounts[id] }) }),
  cookies: { keys: ['for tests only'] },
});
server.on('request', provider.callback());
console.log(`issuer ${issuer}`);
