/* The words as LuaCATS annotations and as luacheck's configuration. */
#include <stdbool.h>
#include <string.h>

#include "bot_events.h"
#include "core/action.h"
#include "words.h"

#define HEAD(comment) comment " Written by `cmake --build build --target " \
	"types` from the tables of the C source.\n"

/* What the validator calls a field's type, in LuaCATS's words. */
static const char *switch_type(const struct action_field *f)
{
	if (!strcmp(f->type, "table"))
		return "table<string, string|integer>";
	if (!strcmp(f->type, "list"))
		return "(string|integer|tandem.Destination)[]";
	return f->type;
}

static void events(FILE *f)
{
	fputs("---@alias tandem.Event\n", f);
	for (const struct bot_event *e = bot_events; e->name; e++)
		fprintf(f, "---| \"%s\" # %s\n", e->name, e->doc);
	fputs("---| string # any other, sent over the control protocol\n\n",
	      f);
}

static void switches(FILE *f)
{
	fputs("---@class tandem.Destination\n"
	      "---@field phoneNumber? string|integer\n"
	      "---@field sipUri? string\n"
	      "---@field timeout? string|number\n\n"
	      "---@class tandem.Switch\n", f);
	for (size_t i = 0; i < action_field_count; i++)
		if (action_fields[i].action == ACT_SWITCH)
			fprintf(f, "---@field %s? %s # %s\n",
				action_fields[i].name,
				switch_type(&action_fields[i]),
				action_fields[i].doc);
	fputc('\n', f);
}

static bool is_name(const char *s)
{
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			    "WXYZ0123456789_", *s))
			return false;
	return true;
}

/* What an author may leave out in a table he writes. */
static bool is_optional(const char *class)
{
	static const char *const written[] = {
		"tandem.State", "tandem.Bot", "tandem.Operator",
		"tandem.Reply", "tandem.Listen", "tandem.Http",
	};

	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++)
		if (!strcmp(class, written[i]))
			return true;
	return false;
}

static bool of(const struct word *w, const char *class)
{
	return class ? w->of && !strcmp(w->of, class) : !w->of;
}

/* End of the part that begins at `p`: a comma outside of every bracket. */
static const char *part_end(const char *p)
{
	int depth = 0;

	for (; *p && (depth || *p != ','); p++)
		depth += strchr("({[<", *p) ? 1 : strchr(")}]>", *p) ? -1 : 0;
	return p;
}

static const char *next_part(const char *p)
{
	while (*p == ',' || *p == ' ')
		p++;
	return p;
}

/* Parameters, one a line, and the list of their names for the function. */
static void signature(FILE *f, const struct word *w, char *names,
		      size_t size)
{
	const char *p = w->args, *colon, *end;

	*names = '\0';
	for (; *p && (colon = strchr(p, ':')); p = next_part(end)) {
		size_t n = (size_t)(colon - p);
		const size_t used = strlen(names);

		end = part_end(colon);
		fprintf(f, "---@param %.*s %.*s\n", (int)n, p,
			(int)(end - colon - 2), colon + 2);
		n -= p[n - 1] == '?';
		snprintf(names + used, size - used, "%s%.*s",
			 used ? ", " : "", (int)n, p);
	}
	for (p = w->type ? w->type : ""; *p; p = next_part(end)) {
		end = part_end(p);
		fprintf(f, "---@return %.*s\n", (int)(end - p), p);
	}
}

static void function(FILE *f, const struct word *w, const char *table)
{
	char names[256];

	fprintf(f, "---%s\n", w->doc);
	signature(f, w, names, sizeof(names));
	fprintf(f, "function %s%s%s(%s) end\n\n", table ? table : "",
		table ? ":" : "", w->name, names);
}

/* call.dialer's functions are called with a dot or with a colon. */
static void dotted(FILE *f, const struct word *w)
{
	fprintf(f, "---@field %s fun(%s)%s%s # %s\n", w->name, w->args,
		w->type ? ": " : "", w->type ? w->type : "", w->doc);
}

static void class(FILE *f, const char *name)
{
	const bool optional = is_optional(name);
	const bool dots = !strcmp(name, "tandem.Dialer");
	const char *base = !strcmp(name, "tandem.When") ? ": tandem.Reaction"
		: !strcmp(name, "tandem.Reply") ? ": tandem.Switch" : "";
	const char *table = strchr(name, '.') + 1;
	bool methods = false;

	fprintf(f, "---@class %s%s\n", name, base);
	for (const struct word *w = words; w->name; w++) {
		if (!of(w, name))
			continue;
		if (w->args && dots)
			dotted(f, w);
		else if (w->args)
			methods = true;
		else if (is_name(w->name))
			fprintf(f, "---@field %s%s %s # %s\n", w->name,
				optional ? "?" : "", w->type, w->doc);
		else
			fprintf(f, "---@field [\"%s\"]%s %s # %s\n", w->name,
				optional ? "?" : "", w->type, w->doc);
	}
	if (!strcmp(name, "tandem.State") || !strcmp(name, "tandem.Bot"))
		fputs("---@field [integer] string|tandem.Reaction|function "
		      "# reactions, run top to bottom\n", f);
	if (!strcmp(name, "tandem.When"))
		fputs("---@overload fun(body: (string|tandem.Reaction|"
		      "function)[]): tandem.When\n", f);
	if (methods)
		fprintf(f, "local %s = {}\n", table);
	fputc('\n', f);
	for (const struct word *w = words; methods && w->name; w++)
		if (of(w, name) && w->args)
			function(f, w, table);
}

void words_types(FILE *f)
{
	const char *last = NULL;

	fputs("---@meta\n" HEAD("--")
	      "-- The environment of a bot, for editors with "
	      "lua-language-server.\n\n", f);
	events(f);
	fputs("---@class tandem.Reaction\n\n", f);
	switches(f);
	for (const struct word *w = words; w->name; w++) {
		if (w->of && (!last || strcmp(last, w->of))) {
			last = w->of;
			class(f, last);
		}
	}
	for (const struct word *w = words; w->name; w++)
		if (!w->of)
			function(f, w, NULL);
}

static void names(FILE *f, const struct word *w)
{
	for (; w->name; w++)
		if (!w->of)
			fprintf(f, "  \"%s\",\n", w->name);
}

void words_luacheck(FILE *f)
{
	fputs(HEAD("--")
	      "-- luacheck for a folder of bots: luacheck --config "
	      "bots/.luacheckrc bots\n"
	      "std = \"none\"\n"
	      "max_line_length = 120\n"
	      "-- a handler gets the call, whether it looks at it or not\n"
	      "unused_args = false\n"
	      "read_globals = {\n", f);
	names(f, words);
	fputs("  -- what is there of Lua's own library\n"
	      "  \"_VERSION\", \"assert\", \"coroutine\", \"error\", "
	      "\"getmetatable\", \"ipairs\", \"load\", \"math\",\n"
	      "  \"next\", \"os\", \"pairs\", \"pcall\", \"rawequal\", "
	      "\"rawget\", \"rawlen\", \"rawset\", \"require\",\n"
	      "  \"select\", \"setmetatable\", \"string\", \"table\", "
	      "\"tonumber\", \"tostring\", \"type\", \"utf8\",\n"
	      "  \"xpcall\",\n"
	      "}\n"
	      "files[\"**/*_test.lua\"] = { read_globals = {\n", f);
	names(f, test_words);
	fputs("} }\n", f);
}
