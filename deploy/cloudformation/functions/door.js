// Stands before every page: sends the bare address to the portal's home, and refuses TLS that is older than 1.2.
function handler(event) {
    const request = event.request;
    const tls = request.headers['cloudfront-viewer-tls'];
    if (tls && /^(SSLv3|TLSv1|TLSv1\.1)(:|$)/.test(tls.value)) {
        return {
            statusCode: 403,
            statusDescription: 'Forbidden',
            headers: { 'content-type': { value: 'text/plain' }, 'cache-control': { value: 'no-store' } },
            body: 'This browser speaks TLS older than 1.2, which is not accepted here.',
        };
    }
    if (request.uri === '/' || request.uri === '/admin') {
        return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/admin/' } } };
    }
    return request;
}
