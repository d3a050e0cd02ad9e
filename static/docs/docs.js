// Starts Swagger UI for the document that the page names.
"use strict";

SwaggerUIBundle({
  url: document.getElementById("pages").dataset.document,
  dom_id: "#pages",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
