// Guards a form against robots: <script src="https://…/f/NAME/form.js" defer></script> on the page with the form.
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script) return;
  var url = new URL(script.src);
  var action = url.origin + url.pathname.replace(/\/form\.js$/, "");
  var honeypot = "HONEYPOT";

  function add(form, name, value, hidden) {
    var input = form.elements.namedItem(name);
    if (!input) {
      input = document.createElement("input");
      input.name = name;
      if (hidden) {
        input.type = "hidden";
        form.appendChild(input);
      } else {
        input.type = "text";
        input.tabIndex = -1;
        input.autocomplete = "off";
        var box = document.createElement("div");
        box.setAttribute("aria-hidden", "true");
        box.style.cssText = "position:absolute;left:-10000px;width:1px;height:1px;overflow:hidden";
        box.appendChild(input);
        form.appendChild(box);
      }
    }
    input.value = value;
  }

  function guard(token) {
    Array.prototype.forEach.call(document.forms, function (form) {
      var target = new URL(form.getAttribute("action") || "", document.baseURI);
      if (target.origin + target.pathname.replace(/\/$/, "") !== action) return;
      if (honeypot) add(form, honeypot, "", false);
      if (token) add(form, "_token", token, true);
    });
  }

  function start() {
    fetch(action + "/token" + url.search)
      .then(function (answer) { return answer.ok ? answer.json() : {}; })
      .then(function (answer) { guard(answer.token); })
      .catch(function () { guard(""); });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
