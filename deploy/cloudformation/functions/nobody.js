// Answers every path that is not the portal's: the API is reached by API Gateway alone.
function handler(event) {
    return {
        statusCode: 404,
        statusDescription: 'Not Found',
        headers: { 'content-type': { value: 'application/json' }, 'cache-control': { value: 'no-store' } },
        body: '{"detail": "There is nothing at this path.", "code": "not_found"}',
    };
}
