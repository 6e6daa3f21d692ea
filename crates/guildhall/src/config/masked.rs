//! Values as they may be shown.

/// A value in which a URL's password is replaced by dots.
pub(crate) fn masked(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    // The password may hold anything but a slash unescaped, the last @ before the path ends it.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:…@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters: Vec<_> = parameters
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.contains("password") => format!("{name}=…"),
            _ => parameter.to_owned(),
        })
        .collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{scheme}://{authority}{path}{mark}{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_password_is_never_shown() {
        for (value, shown) in [
            ("postgres://ada:secret@db/hall", "postgres://ada:…@db/hall"),
            (
                "postgres://ada:se@cr:et@db:5432/hall?application_name=x",
                "postgres://ada:…@db:5432/hall?application_name=x",
            ),
            ("postgres://db/hall?user=ada&password=secret", "postgres://db/hall?user=ada&password=…"),
            ("postgres://ada@db/hall", "postgres://ada@db/hall"),
            ("sqlite", "sqlite"),
        ] {
            assert_eq!(masked(value), shown);
        }
    }
}
