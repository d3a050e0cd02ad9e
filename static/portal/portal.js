// Copy buttons beside what is worth copying. Everything works without them.
"use strict";

function copyButton(source) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent.trimEnd());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

if (navigator.clipboard) {
  for (const source of document.querySelectorAll("[data-copy]")) {
    if (source.matches("pre")) {
      const frame = document.createElement("div");
      frame.className = "copied";
      source.replaceWith(frame);
      frame.append(source, copyButton(source));
    } else {
      source.after(copyButton(source));
    }
  }
}
