// Shared access signatures, verified as strict brokers do: against their own encoding of the resource.
'use strict';
const crypto = require('crypto');

// Why the signature does not permit access to `entity`; null: it does.
function refusal(store, text, entity) {
  const match = /^SharedAccessSignature (.*)$/.exec(text || '');
  if (!match) return 'no SharedAccessSignature';
  const fields = Object.fromEntries(match[1].split('&').map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
  const key = store.keys[decodeURIComponent(fields.skn || '')];
  if (!key) return 'unknown key name';
  const encoded = encodeURIComponent(decodeURIComponent(fields.sr));
  const signed = crypto.createHmac('sha256', key).update(`${encoded}\n${fields.se}`, 'utf8').digest('base64');
  if (signed !== decodeURIComponent(fields.sig || '')) return 'the signature is wrong';
  if (Number(fields.se) * 1000 <= store.now()) return 'the token has expired';
  const path = new URL(decodeURIComponent(fields.sr).replace(/^[a-z]+:/, 'http:')).pathname.slice(1);
  const fits = path === '' || `${entity}/`.startsWith(path.endsWith('/') ? path : `${path}/`) || path.startsWith(`${entity}/`);
  return fits ? null : `the token is for ${path}`;
}

module.exports = { refusal };
